"""Where a version's weights are: made at random, in a folder, or pulled from the hub."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import msgspec

from darkroom.domain.errors import WeightsUnavailable
from darkroom.ports import WeightsSource
from darkroom.protocol.messages import VersionSpec
from darkroom.weights.address import TINY, HubAddress, parse_weights
from darkroom.weights.listing import INDEX
from darkroom.weights.pull import Hub, Pull
from darkroom.weights.scan import scan
from darkroom.weights.store import RepoFolder, alone

NOISE = "tiny random weights: pictures are noise"


class Weights(WeightsSource):
    """Provides folders of weights, pulling each repository once however many wait for it.

    Args:
        hub: where repositories come from; its fetcher must allow the hub's own host.
        directory: holds one folder per repository.
        cache: holds `tiny`, where tiny weights are made.
        tiny: whether every version gets random weights.
    """

    def __init__(self, *, hub: Hub, directory: Path, cache: Path, tiny: bool) -> None:
        self._hub = hub
        self._directory = directory
        self._cache = cache
        self._tiny = tiny
        self._listeners = defaultdict[str, list[Callable[[str], None]]](list)

    async def provide(self, version: VersionSpec, log: Callable[[str], None]) -> VersionSpec:
        """Make the weights of *version* lie in a folder; see the port."""
        wanted = version.config.get("weights")
        if wanted is None:
            return version
        if self._tiny or wanted == TINY:
            log(NOISE)
            return _with(version, weights=TINY, tiny_folder=str(self._cache / TINY))
        address = parse_weights(wanted, version.config.get("revision"))
        if isinstance(address, HubAddress):
            folder = await self._from_hub(address, log)
        else:
            folder = address
            await asyncio.to_thread(_check_folder, folder)
        return _with(version, weights=str(folder))

    async def _from_hub(self, address: HubAddress, log: Callable[[str], None]) -> Path:
        kept = RepoFolder(self._directory, address.repo)
        ready = await asyncio.to_thread(kept.complete, address.revision)
        if ready is not None:
            return ready
        listeners = self._listeners[address.repo]

        def tell_all(line: str) -> None:
            for listener in listeners:
                listener(line)

        listeners.append(log)
        try:
            async with alone(kept.root, lambda: log(f"waiting for {address.repo} to arrive")):
                ready = await asyncio.to_thread(kept.complete, address.revision)
                return ready or await Pull(self._hub, address, kept, tell_all).run()
        finally:
            listeners.remove(log)


def describe(
    weights: str | None, *, directory: Path, tiny: bool, revision: str | None = None
) -> tuple[bool, str]:
    """Say in one line how a version's weights stand, without asking the network; blocking.

    Args:
        weights: what stands under `weights` in its configuration; None if it needs none.
        directory: as for `Weights`.
        tiny: as for `Weights`.
        revision: what stands under `revision`, if anything.

    Returns:
        Whether a prediction has a chance, and the line.
    """
    if weights is None:
        return True, "needs no weights"
    if tiny or weights == TINY:
        return True, NOISE
    try:
        folder = _kept(parse_weights(weights, revision), directory)
    except WeightsUnavailable as error:
        return False, str(error)
    place = f"in place at {folder}" if folder else None
    return True, place or "not downloaded yet (pull happens at the first prediction)"


def _kept(address: HubAddress | Path, directory: Path) -> Path | None:
    if isinstance(address, HubAddress):
        return RepoFolder(directory, address.repo).complete(address.revision)
    _check_folder(address)
    return address


def _check_folder(folder: Path) -> None:
    if not (folder / INDEX).is_file():
        fault = f"it holds no {INDEX}" if folder.is_dir() else "there is no such folder"
        raise WeightsUnavailable(
            f"folder missing: {folder} ({fault}); correct `weights:` in darkroom.yaml,"
            " or set DARKROOM_WEIGHTS=tiny for random weights"
        )
    scan(folder)


def _with(version: VersionSpec, **changes: str) -> VersionSpec:
    return msgspec.structs.replace(version, config={**version.config, **changes})
