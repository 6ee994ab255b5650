"""Files for workers elsewhere, where the file store is a folder of the server's."""

import base64
import hashlib
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.domain.errors import FileMissing, NotAllowed
from darkroom.http.answers import route
from darkroom.http.files import SentFile, send
from darkroom.http.headers import OCTETS, file_headers
from darkroom.http.multipart import Pace, arriving
from darkroom.http.problems import MalformedRequest, problem
from darkroom.ports.files import Blobs, BlobWriter
from darkroom.service.worker_files import KeyRight, LocalSigner, Method

_NO_RIGHT = "This address is not good for that, or not any more. Workers ask for a new one."
_TOO_LARGE = "The file is larger than this address takes."
_DAMAGED = "The bytes are not those that Content-MD5 tells of."
_THERE = "There is a file already; it stays."


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFileRoutes:
    """The routes of such files. An address is its own permission.

    Args:
        signer: made the addresses.
        blobs: the file store.
        pace: how slowly a file may come.
    """

    signer: LocalSigner
    blobs: Blobs
    pace: Pace = field(default_factory=Pace)

    def routes(self) -> list[Route]:
        """Paths relative to the mount of administration."""
        return [
            route("/worker-files/{token}", self.get),
            route("/worker-files/{token}", self.put, method="PUT"),
        ]

    async def get(self, request: Request) -> Response:
        """The bytes of a file of the input."""
        right = self._right(request, "GET")
        sent = SentFile(
            key=right.key,
            size_bytes=await self.signer.size_bytes(right.key),
            tag=f'"{right.key}"',
            headers=file_headers(content_type=OCTETS, name="input"),
        )
        return await send(request, self.blobs, sent)

    async def put(self, request: Request) -> Response:
        """Store an output, once; its bytes go to the disk as they come."""
        right = self._right(request, "PUT")
        if await self._there(right.key):
            return problem(412, _THERE)
        writer = self.blobs.writer(right.key)
        try:
            await self._take(request, right, writer)
            await writer.finish()
        except BaseException:
            await writer.abandon()
            raise
        return Response(None, 201)

    async def _take(self, request: Request, right: KeyRight, writer: BlobWriter) -> None:
        digest = hashlib.md5(usedforsecurity=False)
        async for piece in arriving(request, self.pace, right.limit_bytes, _TOO_LARGE):
            digest.update(piece)
            await writer.add(piece)
        told = request.headers.get("content-md5")
        if told is not None and told != base64.b64encode(digest.digest()).decode():
            raise MalformedRequest(_DAMAGED)

    async def _there(self, key: str) -> bool:
        try:
            await self.signer.size_bytes(key)
        except FileMissing:
            return False
        return True

    def _right(self, request: Request, method: Method) -> KeyRight:
        right = self.signer.opened(request.path_params["token"], method)
        if right is None:
            raise NotAllowed(_NO_RIGHT)
        return right
