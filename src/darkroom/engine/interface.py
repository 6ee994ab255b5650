"""What a runner may ask of an engine: prepare, step, decode, cancel. No torch in here.

A row is one picture on its way from noise. An engine may stack rows of different orders into
one batch; an order never shares state with another, so its rows can join and leave at any step.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from PIL.Image import Image


class Sampler(StrEnum):
    """Noise schedules, spelled as the hosted img2img model spells them."""

    DDIM = "DDIM"
    K_EULER = "K_EULER"
    DPM_SOLVER_MULTISTEP = "DPMSolverMultistep"
    K_EULER_ANCESTRAL = "K_EULER_ANCESTRAL"
    PNDM = "PNDM"
    KLMS = "KLMS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """All that decides how pictures come out.

    Args:
        width: pixels of the result; a multiple of 8 (stable-diffusion) or 16 (the others).
        height: likewise.
        steps: length of the schedule, before *strength* shortens it.
        seed: any integer; its lowest 32 bits count, for torch's generator takes no more.
        images: RGB. stable-diffusion takes one of exactly *width* by *height*; flux-kontext at
            most one with sides that are multiples of 16; flux2-klein any, each side 64 or more.
        strength: 0 to 1, the part of the schedule that is run; at least one step always is.
        guidance: scale of the prompt's pull; flux2-klein ignores it.
        sampler: None keeps the schedule that comes with the weights.
        count: how many pictures, drawn in order from one generator.
    """

    prompt: str
    width: int
    height: int
    steps: int
    seed: int
    images: tuple[Image, ...] = ()
    negative_prompt: str = ""
    strength: float = 1.0
    guidance: float = 1.0
    sampler: Sampler | None = None
    count: int = 1


@dataclass(eq=False, slots=True)
class Row:
    """One picture under way; told apart by identity. Only its engine changes it.

    Args:
        order: what it came from.
        index: its place among the order's pictures, from 0.
        total: denoising steps in all; exact from the first step on.
        done: steps taken.
        finished: whether it can be decoded.
        canceled: whether it was dropped; it takes no further step.
    """

    order: Order
    index: int
    total: int
    done: int = field(default=0, init=False)
    finished: bool = field(default=False, init=False)
    canceled: bool = field(default=False, init=False)


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded row. `flagged` is the verdict of the weights' own safety checker, if any."""

    image: Image
    flagged: bool


class Engine(Protocol):
    """Loaded weights that make pictures. All methods block, and belong to one thread."""

    def prepare(self, order: Order) -> Sequence[Row]:
        """Take an order in: its `count` rows, in order."""
        ...

    def step(self, rows: Sequence[Row], ticked: Callable[[Row], None]) -> None:
        """Advance rows of any orders; at least one of those under way takes a step.

        Args:
            rows: those neither finished nor canceled.
            ticked: called with a row after each of its steps; it may call `cancel`.

        Raises:
            RunFailed: the device has no room for these rows.
        """
        ...

    def decode(self, row: Row) -> Picture:
        """Turn a finished row into pixels and forget it.

        Raises:
            RunFailed: the picture is black or has values that are not finite.
        """
        ...

    def cancel(self, rows: Sequence[Row]) -> None:
        """Drop rows, whatever their state; the others are not touched."""
        ...
