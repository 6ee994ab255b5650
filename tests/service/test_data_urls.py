"""data: URLs are read as forgivingly as browsers read them."""

import base64

import pytest

from darkroom.domain.errors import InputUnusable
from darkroom.service.data_urls import decode, encode, is_data_url

DATA = bytes(range(256))
PLAIN = base64.b64encode(DATA).decode()


@pytest.mark.conformance(64)
@pytest.mark.parametrize(
    "url",
    [
        f"data:image/png;base64,{PLAIN}",
        f"data:application/octet-stream,{PLAIN}",
        f"DATA:image/png;charset=x;BASE64,{PLAIN}",
        f"data:;base64,{PLAIN.rstrip('=')}",
        "data:;base64," + base64.urlsafe_b64encode(DATA).decode(),
        "data:;base64," + base64.urlsafe_b64encode(DATA).decode().rstrip("="),
        "data:;base64," + PLAIN.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
        f"data:;base64,{PLAIN[:40]}\r\n {PLAIN[40:]}",
        "data:," + "".join(f"%{byte:02x}" for byte in DATA),
    ],
)
def test_every_spelling_gives_the_same_bytes(url: str) -> None:
    assert decode(url) == DATA


def test_plain_text_is_itself() -> None:
    assert decode("data:,hello world") == b"hello world"
    assert decode("data:;base64,") == b""


@pytest.mark.parametrize("url", ["data:image/png;base64", "data:;base64,a", "data:;base64,ab*d"])
def test_what_cannot_be_read_is_refused(url: str) -> None:
    with pytest.raises(InputUnusable):
        decode(url)


def test_what_is_encoded_is_read_back() -> None:
    assert is_data_url(encode("image/png", DATA))
    assert decode(encode("image/png", DATA)) == DATA
