"""How a version's weights stand on this machine, told without asking the network."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Final

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.weights_address import TINY, HubAddress
from darkroom.weights.scan import scan_named
from darkroom.weights.source import NOISE, address_of
from darkroom.weights.store import RepoFolder

GATED: Final = frozenset({"black-forest-labs/FLUX.1-Kontext-dev"})
"""Repositories of built-in models that the hub gives only to who has accepted their licence."""


class Stand(Enum):
    """Whether a prediction has its weights."""

    READY = auto()
    ABSENT = auto()  # the first prediction downloads them
    UNUSABLE = auto()


@dataclass(frozen=True, slots=True)
class Standing:
    """How they stand, a line on it, and what to do where they are not ready."""

    stand: Stand
    line: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What weights can be had with.

    Args:
        directory: as for `Weights`.
        tiny: as for `Weights`.
        hub_url: where repositories come from.
        token: whether there is one for gated repositories.
    """

    directory: Path
    tiny: bool
    hub_url: str
    token: bool


def standing(config: Mapping[str, str], means: Means) -> Standing:
    """Look at the weights that a version's configuration names; blocking."""
    weights = config.get("weights")
    if weights is None:
        return Standing(Stand.READY, "needs no weights")
    if weights == TINY:
        return Standing(Stand.READY, NOISE)
    try:
        return _standing(address_of(weights, config.get("revision")), means)
    except WeightsUnavailable as error:
        return Standing(Stand.UNUSABLE, str(error))


def _standing(address: HubAddress | Path, means: Means) -> Standing:
    if isinstance(address, Path):
        scan_named(address)
        return Standing(Stand.READY, f"in place at {address}")
    if means.tiny:
        return Standing(Stand.READY, NOISE)
    folder = RepoFolder(means.directory, address.repo).complete(address.revision)
    if folder is not None:
        return Standing(Stand.READY, f"in place at {folder}")
    page = f"{means.hub_url.rstrip('/')}/{address.repo}"
    if address.repo in GATED and not means.token:
        return Standing(
            Stand.ABSENT,
            f"{address.repo} is not downloaded, and it is gated: there is no token",
            f"accept the licence at {page} and set DARKROOM_HUB_TOKEN (or HF_TOKEN) to a token of"
            " that account",
        )
    return Standing(
        Stand.ABSENT,
        f"{address.repo} is not downloaded yet",
        f"nothing, if {page} can be reached: the first prediction downloads it",
    )
