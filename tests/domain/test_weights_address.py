"""One grammar for weights: the catalogue and the worker read the same."""

from pathlib import PurePath

import pytest

from darkroom.domain.errors import InvalidSetting
from darkroom.domain.weights_address import HubAddress, parse_weights


@pytest.mark.parametrize(
    ("text", "revision", "address"),
    [
        ("hf://a/b", None, HubAddress("a/b", "main")),
        ("hf://a/b@v1.0", None, HubAddress("a/b", "v1.0")),
        ("hf://a/b", "refs/pr/3", HubAddress("a/b", "refs/pr/3")),
        ("hf://a.b/c_d-e", None, HubAddress("a.b/c_d-e")),
        ("./weights", None, PurePath("weights")),
        ("/models/sd-2.1", None, PurePath("/models/sd-2.1")),
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


@pytest.mark.parametrize("name", ["x.safetensors", "/m/X.CKPT", "sd.gguf", "~/a.bin"])
def test_a_single_file_is_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(InvalidSetting, match=r"^weights: .*single file.*convert it to a folder"):
        parse_weights(name)


@pytest.mark.parametrize(
    ("text", "revision", "words"),
    [
        ("hf://a/b@v1", "v2", "name one already"),
        ("hf://a/b", "../x", "must be a branch, tag or commit"),
        ("hf://a/b", "-x", "must be a branch, tag or commit"),
        ("hf://a/b@ x", None, "must be a branch, tag or commit"),
        ("./a", "v1", "pins hf:// weights"),
    ],
)
def test_a_revision_stands_once_and_where_it_means_something(
    text: str, revision: str | None, words: str
) -> None:
    with pytest.raises(InvalidSetting, match=f"^revision: .*{words}"):
        parse_weights(text, revision)
