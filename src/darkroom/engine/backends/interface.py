"""What an engine may ask of whoever computes its modules."""

from collections.abc import Callable, Sequence
from typing import Protocol

from torch import Tensor, nn

Tell = Callable[[str], None]
"""Takes a line for the log of the model that is loaded."""


class Part(Protocol):
    """One module of a pipeline, ready to be called from any one thread at a time."""

    @property
    def batches(self) -> Sequence[int] | None:
        """Numbers of rows it is made for, ascending; None: any. Others cost padding or calls."""
        ...

    def __call__(self, *tensors: Tensor) -> Tensor:
        """Compute any number of rows; see `darkroom.engine.backends.calls` for the arguments.

        Args:
            tensors: (N, …) each, N at least 1, on the device of the weights.

        Returns:
            (N, …) in the dtype that the module itself gives, without a gradient.
        """
        ...


class Trial(Protocol):
    """Makes pictures with the parts of one backend and throws them away."""

    def __call__(self, rows: int, *, small: bool) -> None:
        """Run every part once.

        Args:
            rows: so many share a call of the denoiser.
            small: as small as the model takes them; else of the model's usual size.

        Raises:
            NoRoom: the device has too little memory.
        """
        ...


class Backend(Protocol):
    """Makes parts of modules. Forms of input not met before may take seconds or minutes."""

    @property
    def copied_bytes(self) -> int:
        """What weights occupy besides those of the modules; whole once it is warm."""
        ...

    def denoiser(self, call: nn.Module) -> Part:
        """What is called at every step, with the rows of any number of pictures."""
        ...

    def part(self, name: str, call: nn.Module) -> Part:
        """Anything else, called once or twice for a picture.

        Args:
            name: for the log, such as `text`, and unique within the model.
            call: one of `darkroom.engine.backends.calls`, in evaluation mode.
        """
        ...

    def warm(self, trial: Trial) -> None:
        """Compile all that can be compiled before the model counts as loaded.

        Args:
            trial: called as often as it takes, with the numbers of rows that parts are made for.

        Raises:
            NoRoom: not even for the fewest rows.
        """
        ...
