"""The headers that make an answer safe to show, one set for each kind of answer."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote

PICTURE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
OCTETS = "application/octet-stream"
FILE_SECONDS = 3600
NAME_LENGTH = 120

API_HEADERS: Mapping[str, str] = MappingProxyType(
    {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
)
"""JSON and event streams: private, and never taken for something else."""

PAGE_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; "
            "img-src 'self' blob: data:; connect-src 'self'; font-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
            "require-trusted-types-for 'script'; trusted-types 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": (
            "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), "
            "clipboard-read=(self), clipboard-write=(self)"
        ),
        "Cache-Control": "no-store",
    }
)
"""Pages for people: own scripts and styles only, in no frame, kept by no cache."""

ASSET_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
)
"""Scripts and styles whose URL names their content, so that they may be kept for ever."""

_BEYOND_ASCII_NAME = re.compile(r"[^A-Za-z0-9._ -]")
_EXTENDED = "!#$&+-.^_`|~"  # what RFC 8187 leaves unescaped beside letters and digits


def file_headers(*, content_type: str, name: str, max_age: int = FILE_SECONDS) -> dict[str, str]:
    """Headers under which the bytes of any file, also a hostile one, are inert.

    The four picture types are shown in place; every other type is offered as a download of
    unnamed bytes. The URL is the permission, so any site may embed or fetch it.

    Args:
        content_type: what the file is said to be, without parameters.
        name: what it is called; a path in front is dropped.
        max_age: seconds a browser may keep it.
    """
    shown = content_type.lower() in PICTURE_TYPES
    return {
        "Content-Type": content_type.lower() if shown else OCTETS,
        "Content-Disposition": disposition("inline" if shown else "attachment", name),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
        ),
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Access-Control-Allow-Origin": "*",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": f"private, max-age={max_age}",
    }


def matches(etag: str, if_none_match: str | None) -> bool:
    """Whether an `If-None-Match` names *etag*, strong or weak, or whatever there is with `*`."""
    if if_none_match is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or tags == {"*"}


def disposition(kind: str, name: str) -> str:
    """Spell a Content-Disposition whose file name may be in any language.

    Source: RFC 6266 with RFC 8187; old readers get an ASCII name, the others the real one.
    """
    last = re.split(r"[/\\]", name)[-1][-NAME_LENGTH:] or "file"
    plain = _BEYOND_ASCII_NAME.sub("_", last)
    if plain == last:
        return f'{kind}; filename="{plain}"'
    extended = quote(last, safe=_EXTENDED, errors="replace")
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{extended}"
