"""The echo runners give back what they got, and nothing is lost between words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.contexts import make_context

from darkroom.domain.errors import RunFailed
from darkroom.protocol.messages import Bytes, FromHost, Output
from darkroom.runners.echo import EchoRunner, EchoTextRunner, split


@pytest.mark.parametrize(
    ("content_type", "name"),
    [
        ("image/png", "output.png"),
        ("image/jpeg", "output.jpg"),
        ("image/gif", "output.gif"),
        ("image/webp", "output.webp"),
    ],
)
async def test_the_picture_comes_back_as_it_was(content_type: str, name: str) -> None:
    sent: list[FromHost] = []
    here = make_context(sent, image=Bytes(content_type, b"bytes"), ms=1)
    await EchoRunner().run(here)
    assert sent == [Output("p1", 1, 0, name, content_type, b"bytes", None)]
    assert here.metrics == '{"image_count":1}'


async def test_without_a_picture_it_says_what_it_needs() -> None:
    with pytest.raises(RunFailed, match="needs a picture in the input `image`"):
        await EchoRunner().run(make_context([], prompt="a"))


async def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(RunFailed, match="not a JPEG, PNG, GIF or WebP"):
        await EchoRunner().run(make_context([], image=Bytes("application/octet-stream", b"x")))


async def test_text_without_a_prompt_is_empty() -> None:
    sent: list[FromHost] = []
    await EchoTextRunner().run(make_context(sent))
    assert sent == []


@given(st.text())
def test_words_joined_are_the_prompt_and_each_has_letters(text: str) -> None:
    words = split(text)
    assert "".join(words) == text
    assert all(word.strip() for word in words[:-1])
