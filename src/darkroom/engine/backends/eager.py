"""Modules computed by PyTorch as they are."""

import time
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from darkroom.engine.backends.buckets import Bucketed, warm
from darkroom.engine.backends.interface import Part, Tell


class EagerBackend:
    """Satisfies `darkroom.engine.backends.interface.Backend`.

    Args:
        tell: takes lines for the log.
        batches: of the denoiser, ascending; None takes rows as they come.
        clock: seconds that never jump.
    """

    def __init__(
        self,
        tell: Tell,
        batches: Sequence[int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = tell
        self._batches = batches
        self._clock = clock

    def denoiser(self, call: nn.Module) -> Part:
        """The module itself."""
        return Bucketed("denoiser", call, self._batches)

    def part(self, name: str, call: nn.Module) -> Part:
        """The module itself."""
        return Bucketed(name, call, None)

    def warm(self, part: Part, *row: Tensor) -> None:
        """Nothing but a first call."""
        warm(part, row, self._tell, self._clock)
