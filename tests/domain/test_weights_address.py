"""One grammar for weights: the catalogue and the worker read the same."""

from pathlib import PurePath

import pytest

from darkroom.domain.errors import InvalidSetting
from darkroom.domain.weights_address import HubAddress, parse_folder, parse_weights


@pytest.mark.parametrize(
    ("text", "revision", "address"),
    [
        ("hf://a/b", None, HubAddress("a/b", "main")),
        ("hf://a/b@v1.0", None, HubAddress("a/b", "v1.0")),
        ("hf://a/b", "refs/pr/3", HubAddress("a/b", "refs/pr/3")),
        ("hf://a.b/c_d-e", None, HubAddress("a.b/c_d-e")),
        ("./weights", None, PurePath("weights")),
        ("/models/sd-2.1", None, PurePath("/models/sd-2.1")),
        ("./film.safetensors", None, PurePath("film.safetensors")),
        ("hf://a/b/x.safetensors", None, HubAddress("a/b", "main", "x.safetensors")),
        ("hf://a/b/c/x y.safetensors@v1", None, HubAddress("a/b", "v1", "c/x y.safetensors")),
    ],
)
def test_addresses_are_read(
    text: str, revision: str | None, address: HubAddress | PurePath
) -> None:
    assert parse_weights(text, revision) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "https://a/b",
        "hf://",
        "hf://a",
        "hf://a/b/c",
        "hf://a/b/x.ckpt",
        "hf://a/b/../x.safetensors",
        "hf://a/b//x.safetensors",
        "hf://a/b/.x/y.safetensors",
        "hf://../b",
        "hf://a/..",
        "hf://a..b/c",
        "hf://a/b@../x",
        "hf://a/b@",
        "hf://a--b/c",
        "hf://a/b\n",
        "hf://ä/b",
        "hf://" + "a" * 200 + "/b",
    ],
)
def test_what_is_no_address_or_would_leave_its_folder_is_refused(text: str) -> None:
    with pytest.raises(InvalidSetting, match=r"^weights: must be hf://owner/repo"):
        parse_weights(text)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/m/X.CKPT", r"pickle, which can run code.*make it as \.safetensors"),
        ("~/a.bin", r"pickle, which can run code"),
        ("sd.gguf", r"format that is not loaded.*make it as \.safetensors"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_what_to_do(name: str, words: str) -> None:
    with pytest.raises(InvalidSetting, match=f"^weights: .*{words}"):
        parse_weights(name)


def test_an_address_is_written_as_it_is_read() -> None:
    for text in ("hf://a/b", "hf://a/b@v1", "hf://a/b/x.safetensors", "hf://a/b/x.safetensors@v1"):
        assert str(parse_weights(text)) == text


def test_a_fault_begins_with_the_key_it_is_of() -> None:
    with pytest.raises(InvalidSetting, match=r"^base: must be hf://owner/repo or the path"):
        parse_folder("x.safetensors", key="base")
    with pytest.raises(InvalidSetting, match=r"^loras: must be hf://"):
        parse_weights("hf://x", key="loras")


@pytest.mark.parametrize(
    ("text", "revision", "words"),
    [
        ("hf://a/b@v1", "v2", "name one already"),
        ("hf://a/b", "../x", "must be a branch, tag or commit"),
        ("hf://a/b", "-x", "must be a branch, tag or commit"),
        ("hf://a/b@ x", None, "must be a branch, tag or commit"),
        ("./a", "v1", "pins hf:// weights, and these are a folder"),
        ("./a.safetensors", "v1", "pins hf:// weights, and these are a file"),
    ],
)
def test_a_revision_stands_once_and_where_it_means_something(
    text: str, revision: str | None, words: str
) -> None:
    with pytest.raises(InvalidSetting, match=f"^revision: .*{words}"):
        parse_weights(text, revision)
