"""HTML made of elements, so that whatever is not an element can only ever be text.

The one place that writes angle brackets. A string given to `element` is escaped, a URL with a
scheme that could run is dropped; there is no way to put raw markup in.
"""

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

VOID = frozenset({"br", "img", "link", "meta"})
_URLS = frozenset({"href", "src"})
_SCHEME = re.compile(r"\s*([^/?#:]*):")
_SCHEMES = frozenset({"http", "https"})
_PICTURE = re.compile(r"data:image/(?:png|jpeg|webp|gif);base64,[A-Za-z0-9+/=]+")


@dataclass(frozen=True, slots=True)
class Html:
    """Markup that is safe because `element` or `fragment` made it."""

    text: str


Child: TypeAlias = Html | str | None
NOTHING = Html("")


def element(name: str, /, *children: Child, **attributes: str | bool | None) -> Html:
    """Make `<name>` around *children*.

    Args:
        name: of the element, written by us.
        children: strings become escaped text; None is left out.
        attributes: `class_` loses its underscore, inner underscores become hyphens; True stands
            alone, None and False are left out, and so is a URL that is neither relative,
            http(s) nor, for a picture's `src`, a picture's `data:` URL.
    """
    start = f"<{name}{_attributes(attributes)}>"
    return Html(start if name in VOID else f"{start}{fragment(children).text}</{name}>")


def fragment(children: Iterable[Child]) -> Html:
    """Put *children* beside each other."""
    return Html(
        "".join(
            one.text if isinstance(one, Html) else html.escape(one)
            for one in children
            if one is not None
        )
    )


def spoken(text: str) -> Html:
    """Text of our own in which `this` is shown as code."""
    return fragment(
        element("code", part) if number % 2 else part for number, part in enumerate(text.split("`"))
    )


def is_picture_data(url: str) -> bool:
    """Whether *url* is a `data:` URL of one of the four picture types."""
    return _PICTURE.fullmatch(url) is not None


def safe_url(url: str, *, picture: bool) -> bool:
    """Whether a page may carry *url*; only a picture's may be a `data:` URL."""
    scheme = _SCHEME.match(url)
    if scheme is None or scheme.group(1).lower() in _SCHEMES:
        return True
    return picture and is_picture_data(url)


def document(*, title: str, head: Html, body: Html) -> bytes:
    """A whole page in English; bytes that no encoding can break."""
    page = element(
        "html",
        element("head", element("meta", charset="utf-8"), element("title", title), head),
        element("body", body),
        lang="en",
    )
    return f"<!doctype html>\n{page.text}\n".encode("utf-8", "replace")


def _attributes(attributes: Mapping[str, str | bool | None]) -> str:
    written: list[str] = []
    for key, value in attributes.items():
        name = key.rstrip("_").replace("_", "-")
        if value is True:
            written.append(f" {name}")
        elif isinstance(value, str) and _allowed(name, value):
            written.append(f' {name}="{html.escape(value)}"')
    return "".join(written)


def _allowed(name: str, value: str) -> bool:
    return name not in _URLS or safe_url(value, picture=name == "src")
