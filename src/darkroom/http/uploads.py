"""The Files API: files that clients upload, to name them in inputs.

Source: Replicate's published OpenAPI description, `files.*`, and recorded uploads of
replicate-python; its clients require `name` and `etag` beside what is documented.
"""

import base64
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.http.answers import Site, caller, json_answer, route, site
from darkroom.http.files import SentFile, send
from darkroom.http.headers import API_HEADERS, OCTETS, file_headers
from darkroom.http.multipart import Pace, Part, pieces
from darkroom.http.paging import Cut
from darkroom.http.problems import MalformedRequest, problem
from darkroom.http.times import iso
from darkroom.http.upload_form import UploadForm
from darkroom.ports.files import Blobs, Upload, UploadId
from darkroom.service.own_files import signature
from darkroom.service.uploads import ArrivingUpload, Uploads, upload_key

MOST_BYTES = 100 * 2**20
STREAM_TOKEN_LENGTH = 53
_MOST_BODY_BYTES = MOST_BYTES + 256 * 1024  # fields, headers and boundaries come on top
_TOO_LARGE = "Files must be less than 100MB in size"
_NOT_FOUND = "File not found"
_NO_CONTENT = "The form has no part named `content`, which holds the bytes of the file."


class Checksums(msgspec.Struct, frozen=True):
    """Digests of the bytes, in hex."""

    sha256: str
    md5: str


class UploadUrls(msgspec.Struct, frozen=True):
    """Where an upload can be got; this text is also what stands for it in an input."""

    get: str


class WireUpload(msgspec.Struct, frozen=True, kw_only=True):
    """An upload as the API shows it."""

    id: str
    name: str
    content_type: str
    size: int
    etag: str
    checksums: Checksums
    metadata: msgspec.Raw
    created_at: str
    expires_at: str
    urls: UploadUrls


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRoutes:
    """The routes of uploads.

    Args:
        uploads: what they do.
        blobs: for downloads.
        follow: answers with the events that the token of a stream opens: streams of files share
            their path with uploads.
        pace: how slowly a file may come.
    """

    uploads: Uploads
    blobs: Blobs
    follow: Callable[[Request, str], Awaitable[Response]]
    pace: Pace = field(default_factory=Pace)

    def routes(self) -> list[Route]:
        """Paths relative to the API's mount."""
        return [
            route("/files", self.create, method="POST"),
            route("/files", self.list_page),
            route("/files/{id}", self.get),
            route("/files/{id}", self.delete, method="DELETE"),
            route("/files/{id}/download", self.download),
        ]

    def administration(self) -> list[Route]:
        """Paths relative to the mount of administration."""
        return [route("/files/secret", self.secret)]

    async def create(self, request: Request) -> Response:
        """Take a file in; its bytes go to the file store as they come."""
        form, owner = UploadForm(), caller(request).owner
        async with AsyncExitStack() as stack:
            arriving, in_content = None, False
            async for piece in pieces(request, self.pace, _MOST_BODY_BYTES, _TOO_LARGE):
                if isinstance(piece, Part):
                    in_content = form.begin(piece)
                    if in_content:
                        arriving = await stack.enter_async_context(self.uploads.arriving(owner))
                elif arriving is None or not in_content:
                    form.add(piece)
                elif arriving.size_bytes + len(piece) > MOST_BYTES:
                    raise MalformedRequest(_TOO_LARGE, status=413)
                else:
                    await arriving.add(piece)
            upload = await _kept(arriving, form)
        return json_answer(_shown(upload, site(request)), status=201)

    async def list_page(self, request: Request) -> Response:
        """A page of the caller's uploads, newest first."""
        cut, here = Cut.of(request), site(request)
        before, after = cut.edges(UploadId)
        found = await self.uploads.page(
            caller(request).owner,
            size=cut.wanted,
            before=before,
            after=after,
        )
        shown = [_shown(one, here) for one in cut.shown(found)]
        return json_answer({**cut.links(found, here, "/files"), "results": shown})

    async def get(self, request: Request) -> Response:
        """What is known of an upload; or the events of a prediction, by its stream's token."""
        id_ = request.path_params["id"]
        if len(id_) == STREAM_TOKEN_LENGTH:
            return await self.follow(request, id_)
        found = await self.uploads.get(UploadId(id_), caller(request).owner)
        return _gone() if found is None else json_answer(_shown(found, site(request)))

    async def delete(self, request: Request) -> Response:
        """Forget an upload."""
        id_ = UploadId(request.path_params["id"])
        known = await self.uploads.delete(id_, caller(request).owner)
        return Response(status_code=204) if known else _gone()

    async def download(self, request: Request) -> Response:
        """The bytes of an upload, to whoever has an address that its owner has signed."""
        id_ = UploadId(request.path_params["id"])
        found = await self.uploads.signed(id_, signature(request.url.query))
        if found is None:
            return _gone()
        headers = file_headers(content_type=OCTETS, name=found.name)
        sent = SentFile(
            key=upload_key(found.id),
            size_bytes=found.size_bytes,
            tag=f'"{found.md5}"',
            # The edge adds its own of these to every answer of the API.
            headers={name: headers[name] for name in headers if name not in API_HEADERS},
        )
        return await send(request, self.blobs, sent)

    async def secret(self, request: Request) -> Response:
        """The key with which the caller signs downloads."""
        key = await self.uploads.signing_key(caller(request).owner)
        return json_answer({"key": base64.b64encode(key).decode()})


async def _kept(arriving: ArrivingUpload | None, form: UploadForm) -> Upload:
    if arriving is None:
        raise MalformedRequest(_NO_CONTENT)
    return await arriving.keep(
        name=form.name, content_type=form.content_type, metadata=form.metadata()
    )


def _gone() -> Response:
    return problem(404, _NOT_FOUND)


def _shown(upload: Upload, here: Site) -> WireUpload:
    return WireUpload(
        id=upload.id,
        name=upload.name,
        content_type=upload.content_type,
        size=upload.size_bytes,
        etag=upload.md5,
        checksums=Checksums(sha256=upload.sha256, md5=upload.md5),
        metadata=msgspec.Raw(upload.metadata.encode()),
        created_at=iso(upload.created_at),
        expires_at=iso(upload.expires_at),
        urls=UploadUrls(get=here.api(f"/files/{upload.id}")),
    )
