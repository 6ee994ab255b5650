"""What a URL must look like before it is asked for, and an answer before it is believed."""

import re
from typing import Final

import httpcore2
import httpx2

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HOST = re.compile(r"[A-Za-z0-9._:-]+")
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")
LONGEST_URL: Final = 8192


class AnswerUnusable(Exception):
    """A URL or an answer is no good; the rest of a sentence for users, and the HTTP status.

    It never leaves this room: the fetcher makes an error of the tree of it, the poster a reply.
    """

    def __init__(self, reason: str, *, status: int = 0) -> None:
        """Keep the reason; a status of 0 means that it was not about one."""
        super().__init__(reason)
        self.status = status


def addressed(text: str) -> httpx2.URL:
    """Parse a URL that may be asked for: http or https, a plain host, nobody's credentials.

    Raises:
        AnswerUnusable: it is not such a URL.
    """
    if len(text) > LONGEST_URL:
        raise AnswerUnusable("its URL is too long")
    try:
        url = httpx2.URL(text)
    except (httpx2.InvalidURL, TypeError, ValueError) as error:
        raise AnswerUnusable("its URL cannot be read") from error
    if url.scheme not in {"http", "https"}:
        raise AnswerUnusable("its URL must begin with http:// or https://")
    if url.userinfo:
        raise AnswerUnusable("its URL must not carry a user name or password")
    if not _HOST.fullmatch(url.raw_host.decode("ascii")) or not 0 < (url.port or 80) < 65536:
        raise AnswerUnusable("the host in its URL cannot be read")
    return url.copy_with(fragment=None)


def onward(here: httpx2.URL, response: httpcore2.Response) -> httpx2.URL | None:
    """Where an answer sends us; None if it does not.

    Raises:
        AnswerUnusable: to no usable URL, or from https back to http.
    """
    location = _header(response, b"location")
    if response.status not in _REDIRECTS or location is None:
        return None
    try:
        target = here.join(location)
    except (httpx2.InvalidURL, ValueError) as error:
        raise AnswerUnusable("it redirects to something that is no URL") from error
    if here.scheme == "https" and target.scheme == "http":
        raise AnswerUnusable("it redirects from https to http")
    return addressed(str(target))


def must_be_file(response: httpcore2.Response) -> None:
    """Insist on status 200 and an uncompressed body.

    Raises:
        AnswerUnusable: carries the status.
    """
    _must_be_plain(response, 200)


def resumed_at(response: httpcore2.Response, have: int) -> int:
    """The offset an answer's body begins at: *have* if the range was honoured, else 0.

    Raises:
        AnswerUnusable: neither 200 nor the range that was asked for.
    """
    if response.status != 206:
        _must_be_plain(response, 200)
        return 0
    _must_be_plain(response, 206)
    match = _CONTENT_RANGE.fullmatch(_header(response, b"content-range") or "")
    if not match or match[1] != str(have):  # as text: a number may have thousands of digits
        raise AnswerUnusable("it sent another part of the file than was asked for", status=206)
    return have


def covers(response: httpcore2.Response, have: int) -> bool:
    """Whether a 416 answer means that all *have* bytes of the file are there already."""
    match = _CONTENT_RANGE.fullmatch(_header(response, b"content-range") or "")
    return match is not None and match[2] == str(have)


def length(response: httpcore2.Response) -> int | None:
    """The size of the body as announced, in bytes; None if it is not."""
    announced = _header(response, b"content-length")
    return int(announced) if announced and announced.isdigit() else None


def _must_be_plain(response: httpcore2.Response, status: int) -> None:
    if response.status != status:
        raise AnswerUnusable(f"it answered HTTP {response.status}", status=response.status)
    if any(coding.strip().lower() != "identity" for coding in _codings(response)):
        raise AnswerUnusable("it is sent compressed, which is not accepted", status=status)


def _codings(response: httpcore2.Response) -> list[str]:
    return ",".join(_headers(response, b"content-encoding") or ["identity"]).split(",")


def _header(response: httpcore2.Response, name: bytes) -> str | None:
    return next(iter(_headers(response, name)), None)


def _headers(response: httpcore2.Response, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in response.headers if key.lower() == name]
