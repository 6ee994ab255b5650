"""What is asked of whoever makes pictures in a child process, and what comes back. No torch."""

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """How a child makes pictures.

    Args:
        maker: `stock`, a pipeline of diffusers called in a loop, or a backend of the engine.
        family: of the weights, as the catalogue spells it.
        folder: of the weights.
        device: `cpu` or `cuda`.
        dtype: a precision of torch.
        alone: compute without helping threads, to which small weights only lose time.
    """

    maker: str
    family: str
    folder: str
    device: str
    dtype: str
    alone: bool = False


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One order: a picture of `side` by `side` pixels, guided, with one reference picture.

    Args:
        after: steps that the first order has taken when this one is sent; 0 sends it at once.
        cancel_at: own steps after which it is canceled, half a step later; 0 lets it come.
        background: it is canceled when all others have come.
    """

    seed: int
    side: int
    steps: int
    after: int = 0
    cancel_at: int = 0
    background: bool = False


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one order.

    Args:
        seconds: from sending it until its picture was there, or until it was gone.
        first: seconds from sending it until its first step was taken; 0 where nobody tells.
        steps: that it took.
        late_calls: of the denoiser that ended with it after it had been canceled.
        late_seconds: from canceling it until no call had it any more and its end was told.
        pixels: RGB, row by row from the top; empty if it was canceled.
    """

    seconds: float
    first: float
    steps: int
    late_calls: int = 0
    late_seconds: float = 0.0
    pixels: bytes = b""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """One call of `Maker.make`.

    Args:
        seconds: from sending the first order until the last has come.
        came: in the order of asking.
        busy: share of the time with an order between its first and its last step in which the
            denoiser computed; None where nobody tells.
        ticks: seconds of the denoiser's calls, in order; empty where nobody tells.
        peak_mb: most memory that the child has ever held, on the accelerator where there is one.
    """

    seconds: float
    came: tuple[Came, ...]
    busy: float | None = None
    ticks: tuple[float, ...] = ()
    peak_mb: float = 0.0


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What loading the weights took; the libraries had been imported before.

    Args:
        seconds: from the folder to a maker that is ready.
        read_mb: what came from the disk meanwhile, as far as the kernel tells.
    """

    seconds: float
    read_mb: float


class Maker(Protocol):
    """Whoever makes pictures."""

    def make(self, orders: Sequence[Wanted]) -> Made:
        """Start them all at once; return when all are decoded."""
        ...
