"""The repeated blocks of a denoiser compiled by PyTorch, for fixed numbers of rows."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException

from darkroom.engine.backends.buckets import Bucketed
from darkroom.engine.backends.eager import channels_last
from darkroom.engine.backends.interface import Part, Tell, Trial
from darkroom.engine.interface import NoRoom

Compiler = str | Callable[..., Callable[..., object]]
"""One of PyTorch's by name, or what makes a function of a graph."""

DEFAULT_BATCHES = (1, 2, 4, 8)

_FORMS = 64
"""Of one kind of block: widths, times numbers of rows, times sizes of pictures. The library's 8 are
fewer than a UNet has for a single size."""


_LETTERS = 200
"""Of the compiler's words, which go on with advice for its makers."""


class _Blocks(Protocol):
    def compile_repeated_blocks(
        self, *, fullgraph: bool, dynamic: bool, backend: Compiler, recompile_limit: int
    ) -> None: ...


class CompiledBackend:
    """Satisfies `darkroom.engine.backends.interface.Backend`.

    Each geometry is compiled in every number of rows as it comes, which takes seconds on a card;
    `warm` does it beforehand for the usual one. Text and pixels, computed once a picture, are not
    compiled.

    Args:
        tell: takes lines for the log.
        batches: of the denoiser, ascending.
        compiler: for `torch.compile`; `inductor` needs Triton or a C++ compiler.
        clock: seconds that never jump.
    """

    def __init__(
        self,
        tell: Tell,
        batches: Sequence[int],
        compiler: Compiler = "inductor",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = tell
        self._batches = batches
        self._compiler = compiler
        self._clock = clock
        self.copied_bytes = 0

    def denoiser(self, call: nn.Module) -> Part:
        """Its repeated blocks are compiled; a model without such is computed as it is."""
        for module in channels_last(call).children():
            if getattr(module, "_repeated_blocks", None):
                compiled = cast("_Blocks", module)
                compiled.compile_repeated_blocks(
                    fullgraph=True,
                    dynamic=False,
                    backend=self._compiler,
                    recompile_limit=_FORMS,
                )
            else:
                self._tell(f"{type(module).__name__} has no repeated blocks: it is not compiled.")
        return Bucketed(_Compiled(call, self._tell), self._batches)

    def part(self, name: str, call: nn.Module) -> Part:  # noqa: ARG002  # there is nothing to tell
        """The module itself."""
        return Bucketed(channels_last(call), None)

    def warm(self, trial: Trial) -> None:
        """Compile for the usual size, in as many rows as there is room for.

        Raises:
            NoRoom: not even for the fewest.
        """
        for rows in self._batches:
            started = self._clock()
            try:
                trial(rows, small=False)
            except NoRoom:
                if rows == self._batches[0]:
                    raise
                self._tell(f"The device has no room for {rows} row(s) at once.")
                return
            self._tell(f"Compiled for {rows} row(s) in {self._clock() - started:.1f} s.")


class _Compiled:
    """A call with compiled blocks; computed as it is in forms that cannot be compiled."""

    def __init__(self, call: nn.Module, tell: Tell) -> None:
        self._call = cast("Callable[..., Tensor]", call)
        self._tell = tell
        self._plain: set[tuple[torch.Size, ...]] = set()

    def __call__(self, *tensors: Tensor) -> Tensor:
        form = tuple(one.shape for one in tensors)
        if form not in self._plain:
            try:
                return self._call(*tensors)
            except (TorchDynamoException, FailOnRecompileLimitHit) as error:
                why = " ".join(str(error).split())[:_LETTERS]
                self._tell(f"The denoiser is not compiled for {tuple(form[0])} ({why}).")
                self._plain.add(form)
        with torch.compiler.set_stance("force_eager"):
            return self._call(*tensors)
