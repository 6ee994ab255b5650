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
from darkroom.domain.weights_address import HubAddress
from darkroom.domain.weights_layout import INDEX
from darkroom.ports.files import Fetcher
from darkroom.weights.listing import Listing, RemoteFile, needed, read_listing
from darkroom.weights.progress import Meter
from darkroom.weights.scan import parts_of, scan
from darkroom.weights.store import Manifest, ManifestFile, RepoFolder, weighed

LARGEST_LISTING: Final = 16 * 2**20
SPARE_BYTES: Final = 2**30  # left free for pictures and the database
_OTHERWISE = (
    "set DARKROOM_WEIGHTS=tiny for random weights, or give the path of a local folder as"
    " `weights:` in darkroom.yaml"
)


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
    """Brings one repository into its folder, going on where an earlier pull ended."""

    def __init__(
        self, hub: Hub, address: HubAddress, folder: RepoFolder, log: Callable[[str], None]
    ) -> None:
        self._hub = hub
        self._address = address
        self._folder = folder
        self._log = log

    async def run(self) -> Path:
        """Pull; returns the complete folder.

        Raises:
            WeightsUnavailable: a sentence that says what to do.
        """
        repo = self._address.repo
        listing = await self._listing()
        ready = await asyncio.to_thread(self._folder.complete, listing.commit)
        if ready is not None:
            await asyncio.to_thread(self._folder.remember, self._address.revision, listing.commit)
            return ready
        partial = await asyncio.to_thread(self._folder.partial, listing.commit)
        if listing.index is None:
            raise WeightsUnavailable(
                f"{repo} holds no {INDEX}: it is not in the layout of diffusers; {_OTHERWISE}"
            )
        await self._file(listing, listing.index, partial, Meter(0, _silent, self._hub.now))
        parts = await asyncio.to_thread(parts_of, partial / INDEX)
        files = needed(listing.files, parts)
        manifest = Manifest(repo, listing.commit, await self._files(listing, files, partial))
        await asyncio.to_thread(scan, partial)
        return await asyncio.to_thread(self._folder.finish, manifest, self._address.revision)

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
        if not await asyncio.to_thread(_is_whole, arriving, file.size):
            base = f"{self._hub.base}/{self._address.repo}/resolve/{listing.commit}"
            most = LARGEST_LISTING if file.size is None else file.size
            await self._download(
                f"{base}/{quote(file.path)}", arriving, _bounded(most, meter.moved)
            )
        found = await asyncio.to_thread(weighed, arriving, file)
        await asyncio.to_thread(arriving.replace, to)
        meter.moved(found.size)
        meter.next_file()
        return found

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
            f" DARKROOM_EGRESS_ALLOW; or {_OTHERWISE}"
        )

    def _explained(self, error: WeightsUnavailable) -> WeightsUnavailable:
        repo, status = self._address.repo, error.status
        if status in {401, 403}:
            text = (
                f"the hub does not give out {repo} (HTTP {status}): accept its licence at"
                f" {self._hub.base}/{repo} and set DARKROOM_HUB_TOKEN (or HF_TOKEN) to a token of"
                f" that account, or check the name; or {_OTHERWISE}"
            )
        elif status == 404:
            text = (
                f"the hub has no {repo} at revision {self._address.revision} (HTTP 404): correct"
                f" `weights:` in darkroom.yaml; or {_OTHERWISE}"
            )
        elif status:
            text = f"{error}; try again later, or {_OTHERWISE}"
        else:
            text = (
                f"the weights {repo} are not here and {self._hub.base} cannot be reached:"
                f" {_OTHERWISE}, or name a mirror with DARKROOM_HUB_URL and"
                " DARKROOM_EGRESS_ALLOW"
            )
        return WeightsUnavailable(text, status=status)


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
