"""A model made ready before it counts as loaded: what its backend compiles, it compiles now."""

from collections.abc import Mapping
from contextlib import suppress

from PIL import Image

from darkroom.domain.errors import RunFailed
from darkroom.domain.families import Family
from darkroom.engine.backends.interface import Backend
from darkroom.engine.interface import Engine, Order

_SMALL = 64
"""Pixels of a side that every family takes."""

_USUAL: Mapping[Family, int] = {
    Family.STABLE_DIFFUSION: 512,
    Family.FLUX_KONTEXT: 1024,
    Family.FLUX2_KLEIN: 1024,
}
"""Pixels of a side of what most clients ask for: one picture in, one of that size out."""


def warm(engine: Engine, family: Family, backend: Backend) -> None:
    """Let *backend* compile what it made for *engine*.

    Raises:
        NoRoom: the device has no room for a single picture.
    """

    def trial(rows: int, *, small: bool) -> None:
        side = _SMALL if small else _USUAL[family]
        made = engine.prepare(_order(side, rows))
        try:
            engine.step(made, lambda _: None)
            with suppress(RunFailed):  # weights may make a black picture of nothing
                engine.decode(made[0])
        finally:
            engine.cancel(made)

    backend.warm(trial)


def _order(side: int, rows: int) -> Order:
    """One step without guidance, so that every picture is one row."""
    picture = Image.new("RGB", (side, side), "gray")
    return Order(prompt="", width=side, height=side, steps=1, seed=0, images=(picture,), count=rows)
