"""The scripts, styles and marks of our pages, under names that change with their content."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.http.answers import route
from darkroom.http.headers import ASSET_HEADERS, matches
from darkroom.http.problems import NOT_FOUND

TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of ours: its name with a piece of its digest, and what is sent."""

    address: str
    content_type: str
    data: bytes
    etag: str


class Assets:
    """All files of the package's `static` folder, read once."""

    def __init__(self) -> None:
        """Read the folder."""
        folder = files("darkroom.http").joinpath("static")
        self._by_name = {one.name: _asset(one.name, one.read_bytes()) for one in folder.iterdir()}
        self._by_address = {one.address: one for one in self._by_name.values()}

    def href(self, name: str) -> str:
        """Where *name* is, relative to the root of the site."""
        return f"assets/{self._by_name[name].address}"

    def route(self) -> Route:
        """The route that serves them."""
        return route("/assets/{name}", self._serve)

    async def _serve(self, request: Request) -> Response:
        asset = self._by_address.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404, NOT_FOUND)
        headers = {**ASSET_HEADERS, "ETag": asset.etag}
        if matches(asset.etag, request.headers.get("if-none-match")):
            return Response(None, 304, headers)
        return Response(asset.data, 200, headers, asset.content_type)


def _asset(name: str, data: bytes) -> Asset:
    digest = hashlib.sha256(data).hexdigest()[:16]
    path = PurePosixPath(name)
    return Asset(f"{path.stem}.{digest}{path.suffix}", TYPES[path.suffix], data, f'"{digest}"')
