"""Headers of pages, files and the API; file names in any language."""

from email.message import Message
from urllib.parse import unquote

import pytest

from darkroom.http.headers import API_HEADERS, PAGE_HEADERS, disposition, file_headers


def policy(text: str) -> dict[str, str]:
    directives = (part.strip().partition(" ") for part in text.split(";"))
    return {name: value for name, _, value in directives}


def test_a_page_may_load_nothing_from_elsewhere_and_run_nothing_inline() -> None:
    rules = policy(PAGE_HEADERS["Content-Security-Policy"])
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["img-src"] == "'self' blob: data:"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert rules["require-trusted-types-for"] == "'script'"


def test_pages_and_answers_of_the_api_are_kept_by_no_cache() -> None:
    assert PAGE_HEADERS["Cache-Control"] == API_HEADERS["Cache-Control"] == "no-store"


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg", "image/webp", "IMAGE/GIF"])
def test_a_picture_is_shown_in_place(kind: str) -> None:
    headers = file_headers(content_type=kind, name="out-0.png")
    assert headers["Content-Type"] == kind.lower()
    assert headers["Content-Disposition"] == 'inline; filename="out-0.png"'


@pytest.mark.parametrize(
    "kind", ["text/html", "image/svg+xml", "image/png; x=y", "application/json", "", "x\r\ny"]
)
def test_any_other_file_is_a_download_of_unnamed_bytes(kind: str) -> None:
    headers = file_headers(content_type=kind, name="a.html")
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"].startswith("attachment; ")


def test_every_file_is_inert_and_may_be_embedded_anywhere() -> None:
    headers = file_headers(content_type="image/png", name="a.png", max_age=60)
    assert "sandbox" in policy(headers["Content-Security-Policy"])
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Cache-Control"] == "private, max-age=60"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("图片.png", "图片.png"),
        ("naïve file.png", "naïve file.png"),
        ('a"; filename="evil.exe', 'a"; filename="evil.exe'),
        ("100%.png", "100%.png"),
        ("a\r\nSet-Cookie: x=y", "a\r\nSet-Cookie: x=y"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a.png", "a.png"),
        ("", "file"),
        ("x/", "file"),
    ],
)
def test_a_name_in_any_language_reaches_the_reader_whole(name: str, shown: str) -> None:
    text = disposition("attachment", name)
    assert text.isascii()
    assert text.isprintable()
    message = Message()
    message["Content-Disposition"] = text
    plain, _, extended = text.partition("; filename*=UTF-8''")
    assert unquote(extended) == shown if extended else message.get_filename() == shown
    assert plain.count('"') == 2


def test_a_long_name_keeps_its_end() -> None:
    assert disposition("inline", "x" * 500 + ".png").endswith('x.png"')
    assert len(disposition("inline", "x" * 500 + ".png")) < 160
