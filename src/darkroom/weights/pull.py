"""One pull of one repository: list, choose, download, check, rename."""

import asyncio
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from darkroom.domain.errors import EgressDenied, WeightsUnavailable
from darkroom.domain.families import Family
from darkroom.domain.weights_address import BESIDE, LORAS, WEIGHTS, HubAddress
from darkroom.domain.weights_layout import INDEX
from darkroom.ports.files import Fetcher
from darkroom.weights.listing import (
    Listing,
    RemoteFile,
    needed,
    needed_of_model,
    read_listing,
    the_file,
)
from darkroom.weights.progress import Meter
from darkroom.weights.scan import check_family, parts_of, scan_selected
from darkroom.weights.selection import Kind, Selection
from darkroom.weights.store import Manifest, ManifestFile, RepoFolder, weighed

LARGEST_LISTING: Final = 16 * 2**20
SPARE_BYTES: Final = 2**30  # left free for pictures and the database


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """Where weights come from, and with what means.

    Args:
        fetcher: the door out.
        url: scheme and host, and a path if the hub has one.
        token: for gated repositories; sent to the hub itself, and to no host it redirects to.
        free_bytes: how much room the disk of a folder has.
        now: monotonic seconds.
    """

    fetcher: Fetcher
    url: str
    token: str | None = None
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free
    now: Callable[[], float] = time.monotonic

    @property
    def base(self) -> str:
        """The URL without a slash at its end."""
        return self.url.rstrip("/")

    @property
    def headers(self) -> Mapping[str, str]:
        """What a request to the hub carries."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


class Pull:
    """Brings what is wanted of one repository into its folder, going on where an earlier one ended.

    Args:
        hub: where it comes from.
        address: the repository and its revision.
        selection: which of its files.
        folder: of the same selection.
        log: told how far it is.
        key: of `darkroom.yaml`, for what to correct there.
        family: of the pipeline, if it must be of one.
    """

    def __init__(
        self,
        hub: Hub,
        address: HubAddress,
        selection: Selection,
        folder: RepoFolder,
        log: Callable[[str], None],
        key: str = WEIGHTS,
        family: Family | None = None,
    ) -> None:
        self._hub = hub
        self._address = address
        self._selection = selection
        self._folder = folder
        self._log = log
        self._key = key
        self._family = family
        self._otherwise = _otherwise(key)

    async def run(self) -> Path:
        """Pull; returns the complete folder.

        Raises:
            WeightsUnavailable: a sentence that says what to do.
        """
        listing = await self._listing()
        ready = await asyncio.to_thread(self._folder.complete, listing.commit)
        if ready is not None:
            await asyncio.to_thread(self._folder.remember, self._address.revision, listing.commit)
            return ready
        partial = await asyncio.to_thread(self._folder.partial, listing.commit)
        files = await self._chosen(listing, partial)
        held = await self._files(listing, files, partial)
        manifest = Manifest(self._address.repo, listing.commit, held, self._selection)
        await asyncio.to_thread(scan_selected, partial, self._selection)
        return await asyncio.to_thread(self._folder.finish, manifest, self._address.revision)

    async def _chosen(self, listing: Listing, partial: Path) -> Sequence[RemoteFile]:
        match self._selection.kind:
            case Kind.FILE:
                return [the_file(self._address, listing.files)]
            case Kind.MODEL:
                return needed_of_model(self._address, listing.files)
            case Kind.PIPELINE:
                return await self._chosen_of_pipeline(listing, partial)

    async def _chosen_of_pipeline(self, listing: Listing, partial: Path) -> Sequence[RemoteFile]:
        if listing.index is None:
            raise WeightsUnavailable(
                f"{self._address.repo} holds no {INDEX}: it is not in the layout of diffusers; for"
                f" a single file of it write hf://{self._address.repo}/NAME.safetensors; or"
                f" {self._otherwise}"
            )
        await self._file(listing, listing.index, partial, Meter(0, _silent, self._hub.now))
        await asyncio.to_thread(check_family, partial, self._family, self._key)
        parts = await asyncio.to_thread(parts_of, partial / INDEX)
        return needed(listing.files, parts, self._selection.without)

    async def _listing(self) -> Listing:
        revision = quote(self._address.revision, safe="")
        url = f"{self._hub.base}/api/models/{self._address.repo}/revision/{revision}?blobs=true"
        to = self._folder.root / "listing.json"
        await asyncio.to_thread(to.unlink, missing_ok=True)
        await self._download(url, to, _bounded(LARGEST_LISTING, _ignored))
        return read_listing(self._address, await asyncio.to_thread(to.read_bytes))

    async def _files(
        self, listing: Listing, files: Sequence[RemoteFile], partial: Path
    ) -> Sequence[ManifestFile]:
        sizes = {file.local: file.size or 0 for file in files}
        have = await asyncio.to_thread(_present, partial, sizes)
        missing = sum(sizes.values()) - have
        free = await asyncio.to_thread(self._hub.free_bytes, partial)
        if free < missing + SPARE_BYTES:
            raise WeightsUnavailable(
                f"{self._address.repo} needs {missing / 1e9:.1f} GB more and"
                f" {SPARE_BYTES / 1e9:.1f} GB to spare, but {partial.parent} has"
                f" {free / 1e9:.1f} GB free; make room or set DARKROOM_DATA_DIR"
            )
        self._log(f"downloading {self._address.repo} ({sum(sizes.values()) / 1e6:,.0f} MB)")
        meter = Meter(sum(sizes.values()), self._log, self._hub.now)
        done = [await self._file(listing, file, partial, meter) for file in files]
        meter.tell()
        return done

    async def _file(
        self, listing: Listing, file: RemoteFile, partial: Path, meter: Meter
    ) -> ManifestFile:
        to = partial / file.local
        arriving = to.with_name(to.name + ".part")
        await asyncio.to_thread(to.parent.mkdir, parents=True, exist_ok=True)
        if await asyncio.to_thread(to.is_file):
            await asyncio.to_thread(to.replace, arriving)
        found = await asyncio.to_thread(self._borrowed, file, arriving)
        if found is None:
            await self._arrived(listing, file, arriving, meter)
            found = await asyncio.to_thread(weighed, arriving, file)
        await asyncio.to_thread(arriving.replace, to)
        meter.moved(found.size)
        meter.next_file()
        return found

    def _borrowed(self, file: RemoteFile, arriving: Path) -> ManifestFile | None:
        """Take *file* from another folder, unless it has arrived or is damaged there."""
        if _is_whole(arriving, file.size) or not self._folder.borrow(file, arriving):
            return None
        try:
            return weighed(arriving, file)
        except WeightsUnavailable:
            return None

    async def _arrived(
        self, listing: Listing, file: RemoteFile, arriving: Path, meter: Meter
    ) -> None:
        if not await asyncio.to_thread(_is_whole, arriving, file.size):
            base = f"{self._hub.base}/{self._address.repo}/resolve/{listing.commit}"
            most = LARGEST_LISTING if file.size is None else file.size
            await self._download(
                f"{base}/{quote(file.path)}", arriving, _bounded(most, meter.moved)
            )

    async def _download(
        self, url: str, to: Path, progress: Callable[[int, int | None], None]
    ) -> None:
        while True:
            before = await asyncio.to_thread(_size, to)
            try:
                await self._hub.fetcher.download(
                    url, to, headers=self._hub.headers, progress=progress
                )
            except EgressDenied as error:
                raise WeightsUnavailable(self._denied()) from error
            except WeightsUnavailable as error:
                if error.status or await asyncio.to_thread(_size, to) <= before:
                    raise self._explained(error) from error
                self._log("the connection to the hub broke; going on where it ended")
            else:
                return

    def _denied(self) -> str:
        host = urlsplit(self._hub.base).netloc
        return (
            f"the hub at {host}, or where it redirects to, may not be reached: name it in"
            f" DARKROOM_EGRESS_ALLOW; or {self._otherwise}"
        )

    def _explained(self, error: WeightsUnavailable) -> WeightsUnavailable:
        repo, status = self._address.repo, error.status
        if status in {401, 403}:
            text = (
                f"the hub does not give out {repo} (HTTP {status}): accept its licence at"
                f" {self._hub.base}/{repo} and set DARKROOM_HUB_TOKEN (or HF_TOKEN) to a token of"
                f" that account, or check the name; or {self._otherwise}"
            )
        elif status == 404:
            text = (
                f"the hub has no {repo} at revision {self._address.revision} (HTTP 404): correct"
                f" `{self._key}:` in darkroom.yaml; or {self._otherwise}"
            )
        elif status:
            text = f"{error}; try again later, or {self._otherwise}"
        else:
            text = (
                f"the weights {repo} are not here and {self._hub.base} cannot be reached:"
                f" {self._otherwise}, or name a mirror with DARKROOM_HUB_URL and"
                " DARKROOM_EGRESS_ALLOW"
            )
        return WeightsUnavailable(text, status=status)


def _otherwise(key: str) -> str:
    """What to do where a repository cannot be had that *key* of an entry names."""
    if key == LORAS:
        return "name a local file under `loras:` in darkroom.yaml"
    folder = f"give the path of a local folder as `{key}:` in darkroom.yaml"
    return folder if key in BESIDE else f"set DARKROOM_WEIGHTS=tiny for random weights, or {folder}"


def _bounded(most: int, moved: Callable[[int], None]) -> Callable[[int, int | None], None]:
    def progress(done: int, total: int | None) -> None:
        if max(done, total or 0) > most:
            raise WeightsUnavailable("the hub sends more than it announced", status=200)
        moved(done)

    return progress


def _ignored(done: int) -> None:
    """Take no note of *done*."""


def _silent(line: str) -> None:
    """Take no note of *line*."""


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _is_whole(arriving: Path, size: int | None) -> bool:
    return size is not None and arriving.is_file() and arriving.stat().st_size == size


def _present(partial: Path, sizes: Mapping[str, int]) -> int:
    arriving = (partial / f"{local}.part" for local in sizes)
    return sum(_size(partial / local) for local in sizes) + sum(map(_size, arriving))
