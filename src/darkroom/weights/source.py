"""Where a version's weights are: made at random, in a folder, or pulled from the hub."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import msgspec

from darkroom.domain.errors import FilesUnavailable, InvalidSetting, WeightsUnavailable
from darkroom.domain.weights_address import TINY, HubAddress, parse_weights
from darkroom.ports.running import WeightsSource
from darkroom.protocol.messages import VersionSpec
from darkroom.weights.pull import Hub, Pull
from darkroom.weights.scan import scan_named
from darkroom.weights.store import RepoFolder, alone

NOISE = "tiny random weights: pictures are noise"


class Weights(WeightsSource):
    """Provides folders of weights, pulling each repository once however many wait for it.

    Args:
        hub: where repositories come from; its fetcher must allow the hub's own host.
        directory: holds one folder per repository.
        cache: holds `tiny`, where tiny weights are made.
        tiny: whether random weights stand in for those of the hub.
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
        if wanted == TINY:
            return self._noise(version)
        address = address_of(wanted, version.config.get("revision"))
        if isinstance(address, Path):
            await asyncio.to_thread(scan_named, address)
            return _with(version, weights=str(address))
        if self._tiny:
            return self._noise(version)
        return _with(version, weights=str(await self._from_hub(address, log)))

    def _noise(self, version: VersionSpec) -> VersionSpec:
        """Tiny weights instead; each run's own log says what that means."""
        return _with(version, weights=TINY, tiny_folder=str(self._cache / TINY))

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
        except (OSError, FilesUnavailable) as error:
            raise WeightsUnavailable(_unkept(address, self._directory, error)) from error
        finally:
            listeners.remove(log)


def address_of(text: str, revision: str | None) -> HubAddress | Path:
    """Read what a version's configuration says; `~` becomes the home directory.

    Raises:
        WeightsUnavailable: it cannot be read.
    """
    try:
        address = parse_weights(text, revision)
    except InvalidSetting as error:
        raise WeightsUnavailable(f"{error}; correct it in darkroom.yaml") from error
    return address if isinstance(address, HubAddress) else Path(address).expanduser()


def _unkept(address: HubAddress, directory: Path, error: OSError | FilesUnavailable) -> str:
    why = error.strerror if isinstance(error, OSError) else str(error)
    return (
        f"the weights {address.repo} cannot be kept in {directory} ({why}); make room there, give"
        " this account the right to write, or set DARKROOM_DATA_DIR"
    )


def _with(version: VersionSpec, **changes: str) -> VersionSpec:
    return msgspec.structs.replace(version, config={**version.config, **changes})
