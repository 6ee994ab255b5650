"""The bytes of stored files, to whoever knows the address: whole or in one range."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from darkroom.domain.errors import NotFound
from darkroom.http.answers import route
from darkroom.http.headers import file_headers, matches
from darkroom.http.problems import NOT_FOUND, problem
from darkroom.ports.files import Blobs
from darkroom.ports.predictions import Attempts
from darkroom.service.capabilities import Capabilities

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRoutes:
    """The route of stored files. Unknown, expired and forged addresses all answer the same 404."""

    capabilities: Capabilities
    attempts: Attempts
    blobs: Blobs

    def routes(self) -> list[Route]:
        """Paths from the root of the origin."""
        return [route("/files/{token}/{name}", self.read)]

    async def read(self, request: Request) -> Response:
        """The file, without credentials; an Authorization header does not matter."""
        right = self.capabilities.read_file(request.path_params["token"])
        file = (
            await self.attempts.file(right.prediction, right.attempt, right.index)
            if right
            else None
        )
        if file is None or (file.attempt and file.name != request.path_params["name"]):
            raise NotFound(NOT_FOUND)
        sent = SentFile(
            key=file.key,
            size_bytes=file.size_bytes,
            tag=f'"{file.sha256[:32] or file.prediction}"',
            headers=file_headers(content_type=file.content_type, name=file.name),
        )
        return await send(request, self.blobs, sent)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFile:
    """A stored file as it is sent; `tag` is its ETag."""

    key: str
    size_bytes: int
    tag: str
    headers: Mapping[str, str]


async def send(request: Request, blobs: Blobs, file: SentFile) -> Response:
    """All bytes of *file*, the range a request asks for, or that it is known already.

    Raises:
        FileMissing: the bytes are gone.
    """
    headers = {**file.headers, "ETag": file.tag, "Accept-Ranges": "bytes"}
    if matches(file.tag, request.headers.get("if-none-match")):
        return Response(status_code=304, headers=headers)
    status, start, end = 200, 0, file.size_bytes
    asked = request.headers.get("range")
    if asked and request.headers.get("if-range", file.tag) == file.tag:
        span = _span(asked, file.size_bytes)
        if span == "unmet":
            unmet = {"Content-Range": f"bytes */{file.size_bytes}"}
            return problem(416, "The range lies outside the file.", headers=unmet)
        if span != "ignored":
            status, (start, end) = 206, span
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size_bytes}"
    headers["Content-Length"] = str(end - start)
    if request.method == "HEAD":
        return Response(None, status, headers)
    pieces = blobs.stream(file.key, start=start, end=end)
    # Once the answer has begun it cannot turn into an error: so first see that there are bytes.
    first = await anext(pieces, b"")
    return StreamingResponse(_joined(first, pieces), status, headers)


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


def _span(header: str, size: int) -> tuple[int, int] | Literal["ignored", "unmet"]:
    """The bytes a Range header asks for, end exclusive; `unmet` if the file has none of them.

    Several ranges at once, or a unit or number we do not know, are ignored, as RFC 9110 allows.
    """
    matched = _RANGE.fullmatch(header.replace(" ", ""))
    if matched is None or matched.groups() == ("", ""):
        return "ignored"
    first, last = matched.groups()
    if first:
        start = int(first)
        end = min(int(last) + 1, size) if last else size
    else:
        start, end = max(size - int(last), 0), size
    return (start, end) if start < end else "unmet"
