"""Where a version's weights are: made at random, in a folder or file, or pulled from the hub."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from darkroom.domain.errors import FilesUnavailable, WeightsUnavailable
from darkroom.domain.families import Family
from darkroom.domain.weights_address import (
    BASE,
    BESIDE,
    LORAS,
    SAFETENSORS,
    TINY,
    WEIGHTS,
    HubAddress,
)
from darkroom.domain.weights_wants import Lora, write_loras
from darkroom.ports.running import WeightsSource
from darkroom.protocol.messages import VersionSpec
from darkroom.weights.pull import Hub, Pull
from darkroom.weights.scan import check_family, scan_named
from darkroom.weights.selection import Kind, Selection
from darkroom.weights.store import RepoFolder, alone
from darkroom.weights.wanted import Need, naming, needs

NOISE: Final = "tiny random weights: pictures are noise"
TINY_FOLDER: Final = "tiny_folder"


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
        """Make everything that *version* names lie on this machine; see the port."""
        config = version.config
        if WEIGHTS not in config:
            return version
        found = await asyncio.to_thread(needs, config)
        if not found or self._is_noise(found):
            return _replaced(version, {WEIGHTS: TINY, **self._beside_noise(config)})
        return _replaced(version, await self._placed(config, found, log))

    async def bring(
        self,
        address: HubAddress,
        selection: Selection,
        log: Callable[[str], None],
        *,
        key: str = WEIGHTS,
        family: Family | None = None,
    ) -> Path:
        """Make *selection* of a repository lie in a folder, pulling it if need be.

        Args:
            address: of the repository.
            selection: which of its files.
            log: takes lines on how far it is.
            key: of `darkroom.yaml`, for what to correct there.
            family: of the pipeline, if it must be of one; another is not downloaded.

        Raises:
            WeightsUnavailable: a sentence that says what to do.
        """
        kept = RepoFolder(self._directory, address.repo, selection)
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
                if ready is not None:
                    return ready
                pull = Pull(self._hub, address, selection, kept, tell_all, key, family)
                return await pull.run()
        except (OSError, FilesUnavailable) as error:
            raise WeightsUnavailable(_unkept(address, self._directory, error)) from error
        finally:
            listeners.remove(log)

    def _is_noise(self, found: Sequence[Need]) -> bool:
        """Whether the pipeline would come from the hub, and tiny weights stand in for that."""
        return self._tiny and any(
            isinstance(one.place, HubAddress) for one in found if one.key in {WEIGHTS, BASE}
        )

    def _beside_noise(self, config: Mapping[str, str]) -> Mapping[str, str]:
        """Tiny weights instead, of all there is; each run's own log says what that means."""
        beside = {key: TINY for key in BESIDE if key in config}
        return {**beside, TINY_FOLDER: str(self._cache / TINY)}

    async def _placed(
        self, config: Mapping[str, str], found: Sequence[Need], log: Callable[[str], None]
    ) -> Mapping[str, str]:
        # The small ones first: they may fail, and the others take long.
        placed = {one.key: await self._checker(one, log) for one in found if one.key in BESIDE}
        weights = await self._place(found[0], log)
        placed[WEIGHTS] = str(weights)
        if found[0].selection.kind is Kind.FILE:
            found = await asyncio.to_thread(needs, config, weights)
        for need in found:
            if need.key == BASE:
                placed[BASE] = str(await self._place(need, log))
        if loras := await self._adapters(found, log):
            placed[LORAS] = write_loras(loras)
        placed.update({key: TINY for key in BESIDE if config.get(key) == TINY})
        if TINY in placed.values():
            placed[TINY_FOLDER] = str(self._cache / TINY)
        return placed

    async def _adapters(self, found: Sequence[Need], log: Callable[[str], None]) -> Sequence[Lora]:
        loras: list[Lora] = []
        for need in found:
            if need.key == LORAS and not self._is_left_out(need):
                loras.append(Lora(weights=str(await self._place(need, log)), scale=need.scale))
            elif need.key == LORAS:
                why = "with DARKROOM_WEIGHTS=tiny nothing comes from the hub"
                log(f"{need.place} is left out: {why}")
        return loras

    def _is_left_out(self, need: Need) -> bool:
        return self._tiny and isinstance(need.place, HubAddress)

    async def _checker(self, need: Need, log: Callable[[str], None]) -> str:
        return TINY if self._is_left_out(need) else str(await self._place(need, log))

    async def _place(self, need: Need, log: Callable[[str], None]) -> Path:
        with naming(need.key):
            return await self._found(need, log)

    async def _found(self, need: Need, log: Callable[[str], None]) -> Path:
        if isinstance(need.place, HubAddress):
            folder = await self.bring(
                need.place, need.selection, log, key=need.key, family=need.family
            )
            await asyncio.to_thread(check_family, folder, need.family, need.key)
            return await asyncio.to_thread(_within, folder, need.selection)
        path = need.place
        if need.key == LORAS and path.is_dir():  # one look at a local disk
            path = await asyncio.to_thread(the_adapter, path)
        await asyncio.to_thread(scan_named, path, need.selection, need.family, need.key)
        return path


def the_adapter(folder: Path) -> Path:
    """The one adapter in a folder that an operator has named; blocking.

    Raises:
        WeightsUnavailable: there is none, or more than one.
    """
    found = sorted(folder.glob(f"*{SAFETENSORS}"))
    if len(found) == 1:
        return found[0]
    names = ", ".join(one.name for one in found[:8]) or "none"
    raise WeightsUnavailable(
        f"loras: {folder} holds not one {SAFETENSORS} file but: {names}; name the one you mean in"
        " darkroom.yaml"
    )


def _within(folder: Path, selection: Selection) -> Path:
    """What a host is told: the folder, or the one file in it."""
    if selection.kind is not Kind.FILE:
        return folder
    if selection.file is not None:
        return folder / selection.file
    return the_adapter(folder)


def _unkept(address: HubAddress, directory: Path, error: OSError | FilesUnavailable) -> str:
    why = error.strerror if isinstance(error, OSError) else str(error)
    return (
        f"the weights {address.repo} cannot be kept in {directory} ({why}); make room there, give"
        " this account the right to write, or set DARKROOM_DATA_DIR"
    )


def _replaced(version: VersionSpec, placed: Mapping[str, str]) -> VersionSpec:
    """*version* with *placed* for every address that it had."""
    addresses = {WEIGHTS, BASE, LORAS, *BESIDE}
    rest = {key: value for key, value in version.config.items() if key not in addresses}
    return msgspec.structs.replace(version, config={**rest, **placed})
