"""What `darkroom weights` does: on the disk of this machine, whether a server runs or not."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from darkroom.compose.control import ask
from darkroom.compose.hub import open_weights
from darkroom.domain.errors import DarkroomError, InvalidSetting, NotFound, WeightsUnavailable
from darkroom.domain.weights_address import (
    HUB,
    MAIN,
    REVISION,
    WEIGHTS,
    HubAddress,
    parse_weights,
    pinned,
)
from darkroom.domain.weights_kept import Kept, State, Verdict
from darkroom.protocol.messages import VersionSpec
from darkroom.service.catalogue import load_catalogue, to_spec
from darkroom.settings import Settings
from darkroom.weights import care
from darkroom.weights.selection import WHOLE, Selection, one_file
from darkroom.weights.shelf import needs_here, rows
from darkroom.weights.source import Weights
from darkroom.weights.wanted import naming

Log = Callable[[str], None]


def find(settings: Settings, name: str | None = None) -> Sequence[Kept]:
    """What the disk holds and the models of the catalogue need; blocking.

    Args:
        settings: of this process.
        name: a model, or an address on the hub with or without revision; None is everything.

    Raises:
        NotFound: there is nothing of that name.
        InvalidSetting: *name* is neither.
    """
    found = rows(_directory(settings), _configs(settings))
    if name is None:
        return found
    if not name.startswith(HUB):
        _spec(settings, name)
        return [one for one in found if name in one.models]
    address = _address(name)
    of_name = [one for one in found if _is_of(one, address)]
    if not of_name:
        raise NotFound(f"there is nothing of {name} here, and no model needs it")
    return of_name


async def pull(settings: Settings, name: str, revision: str | None, log: Log) -> Sequence[Kept]:
    """Pull all that *name* needs, going on where an earlier pull ended; what is here stays.

    Args:
        settings: of this process; its choice of tiny weights does not count.
        name: a model, or an address on the hub.
        revision: instead of the one that the model or the address names. A repository without
            any is pulled at those that models name, else at `main`.
        log: told how far it is.

    Raises:
        NotFound: there is no model of that name.
        WeightsUnavailable: a sentence that says what to do.
    """
    async with AsyncExitStack() as stack:
        weights = await open_weights(stack, settings, tiny=False)
        if not name.startswith(HUB):
            return await _pull_model(settings, weights, _spec(settings, name), revision, log)
        wanted = await asyncio.to_thread(_wanted, settings, name, revision)
        folders: list[Path] = []
        for (address, selection), key in wanted.items():
            with naming(key):
                folders.append(await weights.bring(address, selection, log, key=key))
    found = await asyncio.to_thread(find, settings)
    return [one for one in found if one.folder in folders]


def verify(settings: Settings, name: str | None, log: Log, *, repair: bool) -> Sequence[Verdict]:
    """Look at every byte of what was pulled, and over what was named by its path.

    Blocking, without an event loop of the caller: Ctrl-C ends it at once.

    Args:
        settings: of this process.
        name: as for `find`.
        log: told how far it is.
        repair: whether damaged files are pulled once more.

    Raises:
        NotFound: there is nothing of that name.
        WeightsUnavailable: a repair fails; says what to do.
    """
    found = find(settings, name)
    here = [one for one in found if not one.hub or one.state in {State.COMPLETE, State.DAMAGED}]
    verdicts = [Verdict(kept=one, damaged=care.damaged_files(one, log)) for one in here]
    return asyncio.run(_repair(settings, verdicts, log)) if repair else verdicts


async def remove(kept: Sequence[Kept]) -> None:
    """Delete what came from the hub; what an operator has named by its path stays.

    Raises:
        WeightsUnavailable: somebody pulls it just now.
    """
    for one in kept:
        await care.remove(one)


async def serves(settings: Settings) -> bool:
    """Whether a server runs in the data directory; which weights it has loaded is not known."""
    try:
        await ask(settings, "endpoint", {})
    except DarkroomError:
        return False
    return True


async def _pull_model(
    settings: Settings, weights: Weights, spec: VersionSpec, revision: str | None, log: Log
) -> Sequence[Kept]:
    config = spec.config if revision is None else _at(spec.config, revision)
    await weights.provide(msgspec.structs.replace(spec, config=config), log)
    configs = {spec.model: config}
    found = await asyncio.to_thread(rows, _directory(settings), configs)
    return [one for one in found if one.uses]


def _at(config: Mapping[str, str], revision: str) -> Mapping[str, str]:
    """*config* with its weights at another revision.

    Raises:
        InvalidSetting: they do not come from the hub, or there can be no such revision.
    """
    if WEIGHTS not in config:
        return config
    address = parse_weights(config[WEIGHTS])
    if not isinstance(address, HubAddress):
        raise InvalidSetting(f"--revision: is for weights of the hub, and these are {address}")
    rest = {key: value for key, value in config.items() if key != REVISION}
    return {**rest, WEIGHTS: str(pinned(address, revision))}


def _wanted(
    settings: Settings, name: str, revision: str | None
) -> Mapping[tuple[HubAddress, Selection], str]:
    """What to pull of a repository, with the key that names it: what models need, or all of it."""
    address = _address(name)
    if revision is not None:
        address = pinned(address, revision)
    anywhere = revision is None and address.revision == MAIN
    found: dict[tuple[HubAddress, Selection], str] = {}
    for config in _configs(settings).values():
        with suppress(WeightsUnavailable):  # `list` tells what is wrong with another model
            for need in needs_here(_directory(settings), config):
                if isinstance(need.place, HubAddress) and _same(need.place, address):
                    found[need.place if anywhere else address, need.selection] = need.key
    return found or {(address, one_file(address) if address.file else WHOLE): WEIGHTS}


async def _repair(settings: Settings, verdicts: Sequence[Verdict], log: Log) -> Sequence[Verdict]:
    async with AsyncExitStack() as stack:
        weights = await open_weights(stack, settings, tiny=False)
        return [await _repaired(one, weights, log) for one in verdicts]


async def _repaired(verdict: Verdict, weights: Weights, log: Log) -> Verdict:
    if not verdict.damaged:
        return verdict
    await care.repair(verdict.kept, verdict.damaged, weights, log)
    return replace(verdict, repaired=True)


def _directory(settings: Settings) -> Path:
    return settings.data_dir / "weights"


def _configs(settings: Settings) -> Mapping[str, Mapping[str, str]]:
    models = load_catalogue(settings.models).models()
    return {one.path: one.latest.config for one in models}


def _spec(settings: Settings, name: str) -> VersionSpec:
    found = {one.path: one for one in load_catalogue(settings.models).models()}.get(name)
    if found is None:
        raise NotFound(
            f"there is no model {name} here; `darkroom weights list` shows those that need weights,"
            f" and a repository is written {HUB}owner/repo"
        )
    return to_spec(found.latest)


def _address(name: str) -> HubAddress:
    found = parse_weights(name, key="NAME")
    if not isinstance(found, HubAddress):
        raise InvalidSetting(f"NAME: must be owner/model or {HUB}owner/repo, not {name[:200]!r}")
    return found


def _same(place: HubAddress, address: HubAddress) -> bool:
    return (place.repo, place.file) == (address.repo, address.file)


def _is_of(kept: Kept, address: HubAddress) -> bool:
    """Whether *address* means that row; without a revision it means all of them."""
    named = {MAIN, *kept.revision.split(", "), kept.commit}
    return (
        kept.hub
        and kept.name == f"{HUB}{address.repo}"
        and address.file in {None, kept.part}
        and address.revision in named
    )
