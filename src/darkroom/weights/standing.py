"""How a version's weights stand on this machine, told without asking the network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Final

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.weights_address import BASE, BESIDE, LORAS, WEIGHTS, HubAddress
from darkroom.weights.scan import check_family, scan_named
from darkroom.weights.selection import Kind
from darkroom.weights.source import NOISE, the_adapter
from darkroom.weights.store import RepoFolder
from darkroom.weights.wanted import Need, naming, needs

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
    """Look at the weights that a version's configuration names, the worst of them; blocking."""
    if config.get(WEIGHTS) is None:
        return Standing(Stand.READY, "needs no weights")
    try:
        found = needs(config, here(config, means.directory))
        if not found or (means.tiny and _of_pipeline_from_hub(found)):
            return Standing(Stand.READY, NOISE)
        told = [_standing(one, means) for one in found]
    except WeightsUnavailable as error:
        return Standing(Stand.UNUSABLE, str(error))
    return next((one for one in told if one.stand is not Stand.READY), told[0])


def here(config: Mapping[str, str], directory: Path) -> Path | None:
    """The single file of a version's weights, if they are one and it is on this machine; blocking.

    Args:
        config: of the version.
        directory: as for `Weights`.

    Raises:
        WeightsUnavailable: the weights are damaged.
    """
    first, *_ = needs(config) or [None]
    if first is None or first.selection.kind is not Kind.FILE:
        return None
    if isinstance(first.place, Path):
        return first.place if first.place.is_file() else None
    folder = RepoFolder(directory, first.place.repo, first.selection).complete(first.place.revision)
    return folder / first.selection.file if folder and first.selection.file else None


def _of_pipeline_from_hub(found: Sequence[Need]) -> bool:
    pipeline = [one.place for one in found if one.key in {WEIGHTS, BASE}]
    return any(isinstance(one, HubAddress) for one in pipeline)


def _standing(need: Need, means: Means) -> Standing:
    with naming(need.key):
        return _looked(need, means)


def _looked(need: Need, means: Means) -> Standing:
    address = need.place
    if isinstance(address, Path):
        if need.key == LORAS and address.is_dir():
            address = the_adapter(address)
        scan_named(address, need.selection, need.family, need.key)
        return Standing(Stand.READY, f"in place at {address}")
    if means.tiny:
        return Standing(Stand.READY, NOISE)
    folder = RepoFolder(means.directory, address.repo, need.selection).complete(address.revision)
    if folder is not None:
        check_family(folder, need.family, need.key)
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
        f"{address.repo}{f' ({need.key})' if need.key in BESIDE else ''} is not downloaded yet",
        f"nothing, if {page} can be reached: the first prediction downloads it; or"
        " `darkroom weights pull` does now",
    )
