"""The echo runners give back what they got, and nothing is lost between words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.contexts import make_context
from tests.support.versions import make_spec

from darkroom.domain.errors import RunFailed
from darkroom.protocol.messages import Bytes, FromHost, Output
from darkroom.runners.echo import (
    LONGEST_PREFIX,
    EchoRunner,
    EchoTextRunner,
    EchoTextTrainer,
    split,
)


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


def said(sent: list[FromHost]) -> list[str]:
    return [json.loads(one.value) for one in sent if isinstance(one, Output) and one.value]


async def test_a_trainer_gives_its_weights_and_then_what_the_new_version_is_to_know() -> None:
    sent: list[FromHost] = []
    here = make_context(sent, prefix="Ahöy, there", ms=1)
    await EchoTextTrainer().run(here)

    weights = next(one for one in sent if isinstance(one, Output))
    assert (weights.name, weights.content_type) == ("weights.json", "application/json")
    assert json.loads(weights.data) == {"prefix": "Ahöy, there"}
    assert [json.loads(text) for text in said(sent)] == [{"prefix": "Ahöy, there"}]
    assert here.metrics == '{"characters":11}'


@pytest.mark.parametrize("prefix", ["", " \n", "x" * (LONGEST_PREFIX + 1), None])
async def test_a_trainer_refuses_a_prefix_that_is_none_or_too_long(prefix: str | None) -> None:
    given_ = {} if prefix is None else {"prefix": prefix}
    with pytest.raises(RunFailed, match="input prefix"):
        await EchoTextTrainer().run(make_context([], **given_))


async def test_a_trained_version_says_its_prefix_first_and_others_say_nothing() -> None:
    async def words(config: dict[str, str]) -> str:
        runner, sent = EchoTextRunner(), list[FromHost]()
        await runner.setup(make_spec(kind="echo-text", config=config), lambda _: None)
        await runner.run(make_context(sent, prompt="captain, my captain"))
        return "".join(said(sent))

    assert await words({"prefix": "Ahoy"}) == "Ahoy captain, my captain"
    assert await words({}) == "captain, my captain"


@given(st.text())
def test_words_joined_are_the_prompt_and_each_has_letters(text: str) -> None:
    words = split(text)
    assert "".join(words) == text
    assert all(word.strip() for word in words[:-1])
