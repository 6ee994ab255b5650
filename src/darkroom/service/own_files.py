"""URLs of our own in inputs: read from the file store, after asking whose they are."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs

from darkroom.domain.errors import NotFound
from darkroom.domain.ids import Owner, is_prediction_id
from darkroom.ports.files import Upload, UploadId
from darkroom.ports.predictions import Attempts, PredictionStore
from darkroom.service.capabilities import Capabilities
from darkroom.service.uploads import Signature, Uploads, upload_key

_OUTPUT_URL = re.compile(r"https?://[^/]+/files/(?P<token>[0-9a-z]+)/[^/?#]+")
_UPLOAD_URL = re.compile(
    r"(?P<origin>https?://[^/?#]+)(?:/replicate)?/v1(?:/v1)?/files/(?P<id>[^/?#]{1,100})"
    r"(?:/download\?(?P<query>[^#]{0,2000}))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFile:
    """A file of ours that an input names."""

    key: str
    content_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFiles:
    """Finds stored files by URL.

    The host part need not be the one the client came by: a token that this server's secret has
    signed, and the id of an upload, are ours under whatever name somebody reached us.
    """

    store: PredictionStore
    attempts: Attempts
    capabilities: Capabilities
    uploads: Uploads

    async def find(self, url: str, owner: Owner, origin: str | None = None) -> OwnFile | None:
        """The file behind *url* if *owner* may read it, or None if it is for others to serve.

        Args:
            url: of an output, of an upload, or a signed download of an upload.
            owner: who asks.
            origin: scheme and host by which they came; what it does not have, nobody has.

        Raises:
            NotFound: the URL is of an upload and of this origin, and there is none for *owner*.
        """
        if matched := _OUTPUT_URL.fullmatch(url):
            return await self._output(matched["token"], owner)
        if matched := _UPLOAD_URL.fullmatch(url):
            upload = await self._upload(UploadId(matched["id"]), owner, matched["query"])
            if upload is not None:
                return OwnFile(
                    key=upload_key(upload.id),
                    content_type=upload.content_type,
                    size_bytes=upload.size_bytes,
                )
            if origin is not None and matched["origin"].lower() == origin.lower():
                raise NotFound("File not found")
        return None

    async def _output(self, token: str, owner: Owner) -> OwnFile | None:
        right = self.capabilities.read_file(token)
        if right is None:
            return None
        prediction = await self.store.get(right.prediction)
        if prediction is None or prediction.owner != owner:
            return None
        file = await self.attempts.file(right.prediction, right.attempt, right.index)
        if file is None:
            return None
        return OwnFile(key=file.key, content_type=file.content_type, size_bytes=file.size_bytes)

    async def _upload(self, id_: UploadId, owner: Owner, query: str | None) -> Upload | None:
        if not is_prediction_id(id_):
            return None
        found = await self.uploads.get(id_, owner)
        if found is not None or query is None:
            return found
        return await self.uploads.signed(id_, signature(query))


def signature(query: str) -> Signature:
    """What the query of a signed address says; empty where it says nothing."""
    try:
        said = parse_qs(query, max_num_fields=10)
    except ValueError:  # more fields than that
        said = {}
    owner, expiry, mac = (said.get(name, [""])[0] for name in ("owner", "expiry", "signature"))
    return Signature(owner, expiry, mac)
