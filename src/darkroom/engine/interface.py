"""What is asked of an engine: prepare, step, decode, cancel, preview. No torch in here.

A row is one picture on its way from noise. An engine stacks rows of different orders into one
batch; an order never shares state with another, so its rows can join and leave at any step.
"""

from collections.abc import Callable, Hashable, Sequence
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
        go_fast: computes the first and last three steps and every third between them, and
            extrapolates the others from those; flux-kontext alone knows it.
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
    go_fast: bool = False
    count: int = 1


@dataclass(eq=False, slots=True)
class Row:
    """One picture under way; told apart by identity. Only its engine changes it.

    Args:
        order: what it came from.
        index: its place among the order's pictures, from 0.
        total: denoising steps in all.
        key: rows of one engine whose keys are equal may be stepped together.
        lanes: how many rows of the denoiser's batch it fills: 2 with guidance, else 1.
        notes: what of the order has no effect, in lines for its log.
        done: steps taken.
        finished: whether it can be decoded.
        canceled: whether it was dropped; it takes no further step.
        fault: what went wrong with it alone, `NoRoom` included; it takes no further step.
    """

    order: Order
    index: int
    total: int
    key: Hashable = None
    lanes: int = 1
    notes: Sequence[str] = ()
    done: int = field(default=0, init=False)
    finished: bool = field(default=False, init=False)
    canceled: bool = field(default=False, init=False)
    fault: Exception | None = field(default=None, init=False)


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded row. `flagged` is the verdict of the weights' own safety checker, if any."""

    image: Image
    flagged: bool


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """What a row is going to be, roughly: raw RGB, 8 bits a channel, rows from the top."""

    width: int
    height: int
    rgb: bytes


class NoRoom(Exception):
    """The device has too little memory for that many rows at once; none of them has moved.

    Args:
        why: in the words of whatever noticed it.
        part: what finds no room, if that is as large whatever is asked for; empty for a picture.
    """

    def __init__(self, why: str = "", *, part: str = "") -> None:
        super().__init__(why)
        self.part = part


class Engine(Protocol):
    """Loaded weights that make pictures. All methods but `cancel` block.

    One thread steps; another may prepare, decode and preview meanwhile. Any may cancel.
    """

    def prepare(self, order: Order) -> Sequence[Row]:
        """Take an order in, its texts and pictures encoded: its `count` rows, in order.

        Raises:
            NoRoom: the device has no room for that.
        """
        ...

    def step(self, rows: Sequence[Row], ticked: Callable[[Row], None]) -> None:
        """Advance rows by one call of the denoiser; what goes wrong with one row is its `fault`.

        Args:
            rows: of equal keys, neither finished nor canceled.
            ticked: called with a row after each of its steps; it may call `cancel`.

        Raises:
            NoRoom: the device has no room for so many rows; all are where they were.
        """
        ...

    def decode(self, row: Row) -> Picture:
        """Turn a finished row into pixels and forget it.

        Raises:
            RunFailed: the picture is black or has values that are not finite.
            NoRoom: the device has no room for that; the row is not forgotten.
        """
        ...

    def preview(self, row: Row) -> Thumbnail | None:
        """What a row that has taken a step is going to be; None if that cannot be told.

        Raises:
            NoRoom: the device has no room for that.
        """
        ...

    def cancel(self, rows: Sequence[Row]) -> None:
        """Drop rows, whatever their state; the others are not touched."""
        ...
