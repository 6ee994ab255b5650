"""A bucket that speaks S3: opened, tried, and addresses signed for it.

Credentials, region and the rest come from the usual `AWS_` variables, or from the machine's role.
"""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import obstore
import structlog
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from darkroom.blobs.keys import checked
from darkroom.blobs.objects import ObjectBlobs, listing
from darkroom.domain.errors import InvalidSetting

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

SIGNED_FOR = timedelta(hours=12)
"""Longer than a model may take to load and run; a worker that is later still asks anew."""

_REGION = "us-east-1"
_CLIENT: "ClientConfig" = {
    "connect_timeout": timedelta(seconds=5),
    "read_timeout": timedelta(seconds=20),
    "timeout": timedelta(seconds=120),
}
_PATIENT: "RetryConfig" = {
    "max_retries": 6,
    "retry_timeout": timedelta(seconds=20),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=3),
    },
}
_CODE = re.compile(r"<Code>([A-Za-z]+)</Code>")
_REFUSALS = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"})
_ONCE: "RetryConfig" = {"max_retries": 0}


def open_bucket(
    url: str,
    *,
    endpoint: str | None,
    region: str | None = None,
    retry: "RetryConfig" = _PATIENT,
) -> S3Store:
    """The bucket and prefix that `s3://bucket/prefix` names; no request is made.

    Args:
        url: as checked by the settings.
        endpoint: address of another server than Amazon's; plain http is spoken if it says so.
        region: of the bucket; Amazon's first one, which other servers take too, if it is not said.
        retry: how long a request is tried again.

    Raises:
        InvalidSetting: what the environment says cannot be used.
    """
    parts = urlsplit(url)
    config: S3Config = {"region": region or _REGION}
    if endpoint:
        config["endpoint"] = endpoint
    plain = endpoint is not None and endpoint.startswith("http://")
    try:
        return S3Store(
            parts.netloc,
            prefix=parts.path.strip("/") or None,
            config=config,
            client_options={**_CLIENT, "allow_http": plain},
            retry_config=retry,
        )
    except BaseError as error:
        raise InvalidSetting(f"files_url: the AWS_ variables cannot be used ({error})") from error


def try_bucket(url: str, *, endpoint: str | None, region: str | None) -> None:
    """Ask once for one page, so that a wrong name or key is told at the start; may take 5 s.

    A server that does not answer now may do so later: that is only logged.

    Raises:
        InvalidSetting: there is no such bucket, or the credentials do not open it.
    """
    store = open_bucket(url, endpoint=endpoint, region=region, retry=_ONCE)
    try:
        next(iter(listing(store, "predictions")), None)
    except (BaseError, OSError) as error:
        code = _CODE.search(str(error))
        if code and code[1] == "NoSuchBucket":
            name = urlsplit(url).netloc
            raise InvalidSetting(f"files_url: there is no bucket {name!r}") from error
        refused = isinstance(error, PermissionDeniedError | UnauthenticatedError)
        if refused or (code and code[1] in _REFUSALS):
            raise InvalidSetting(
                "files_url: the bucket refuses these credentials; set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, and let them list, get, put and delete"
            ) from error
        structlog.get_logger().warning("files.unreachable", reason=str(error)[:300])


class S3Bucket:
    """Satisfies `ports.Bucket`.

    Args:
        store: what `open_bucket` gave.
        blobs: its files, whose threads are used.
        signed_for: how long an address is good.
    """

    def __init__(
        self, store: S3Store, blobs: ObjectBlobs, *, signed_for: timedelta = SIGNED_FOR
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._signed_for = signed_for

    async def readable(self, keys: Sequence[str]) -> Sequence[str]:
        """Addresses for GET."""
        return await self._signed("GET", keys)

    async def writable(self, keys: Sequence[str]) -> Sequence[str]:
        """Addresses for PUT. Who uses one sends `If-None-Match: *`, so that nothing is replaced."""
        return await self._signed("PUT", keys)

    async def size_bytes(self, key: str) -> int:
        """What a HEAD says."""
        name = checked(key)
        return await self._blobs.run(lambda: obstore.head(self._store, name)["size"])

    async def _signed(self, method: Literal["GET", "PUT"], keys: Sequence[str]) -> Sequence[str]:
        names = [checked(key) for key in keys]
        if not names:
            return ()
        # In a thread: a machine's role is asked for fresh credentials now and then.
        return await self._blobs.run(
            lambda: obstore.sign(self._store, method, names, expires_in=self._signed_for)
        )
