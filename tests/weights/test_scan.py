"""Configurations and weights that would run code are refused before a library sees them."""

import json
from pathlib import Path

import pytest
from tests.weights.hub import index, tensors

from darkroom.domain.errors import WeightsUnavailable
from darkroom.weights.listing import RemoteFile, needed
from darkroom.weights.scan import scan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "unet").mkdir()
    (tmp_path / "model_index.json").write_bytes(index(unet=["diffusers", "UNet2DConditionModel"]))
    (tmp_path / "unet" / "config.json").write_bytes(b'{"act_fn": "silu"}')
    (tmp_path / "unet" / "model.safetensors").write_bytes(tensors())
    return tmp_path


def test_an_honest_folder_passes(folder: Path) -> None:
    scan(folder)


def test_numbers_as_python_writes_them_pass(folder: Path) -> None:
    (folder / "unet" / "config.json").write_bytes(b'{"lambda_min_clipped": -Infinity}')
    scan(folder)


@pytest.mark.parametrize(
    "config",
    [
        {"auto_map": {"AutoModel": "evil.Model"}},
        {"custom_pipeline": "evil/repo"},
        {"_attn_implementation_internal": "evil/kernels"},
        {"text_config": {"_attn_implementation": "evil/kernels:x"}},
        {"nested": [{"deeper": {"auto_map": {"AutoConfig": "evil.Config"}}}]},
        {"file": "pipeline.py"},
        {"files": ["a", "pipeline.py"]},
    ],
)
def test_a_configuration_that_names_code_is_refused(
    folder: Path, config: dict[str, object]
) -> None:
    (folder / "unet" / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsUnavailable, match="would load code"):
        scan(folder)


def test_parts_come_from_known_libraries_only(folder: Path) -> None:
    (folder / "model_index.json").write_bytes(index(unet=["pipeline_evil", "Evil"]))
    with pytest.raises(WeightsUnavailable, match="comes from 'pipeline_evil'"):
        scan(folder)


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04" * 9, b"\x80\x04." * 9, b"\xff" * 8 + b"{", b"\x00" * 64]
)
def test_tensors_must_be_safetensors_by_content(folder: Path, data: bytes) -> None:
    (folder / "unet" / "model.safetensors").write_bytes(data)
    with pytest.raises(WeightsUnavailable, match="is not a safetensors file"):
        scan(folder)


def test_a_pickle_beside_no_tensors_is_refused(folder: Path) -> None:
    (folder / "unet" / "model.safetensors").rename(folder / "unet" / "model.bin")
    with pytest.raises(WeightsUnavailable, match="pickled weights only"):
        scan(folder)


def test_a_folder_without_weights_is_refused(folder: Path) -> None:
    (folder / "unet" / "model.safetensors").unlink()
    with pytest.raises(WeightsUnavailable, match=r"holds no \.safetensors"):
        scan(folder)


@pytest.mark.parametrize("text", [b"[]", b"{", b"[" * 100_000, b"\xff"])
def test_an_unreadable_index_is_refused(folder: Path, text: bytes) -> None:
    (folder / "model_index.json").write_bytes(text)
    with pytest.raises(WeightsUnavailable, match=r"model_index\.json"):
        scan(folder)


def chosen(*paths: str) -> list[str]:
    files = [RemoteFile(path, path, 1, None, None) for path in paths]
    return [file.local for file in needed(files, ["text_encoder", "tokenizer"])]


def test_shards_and_their_index_are_kept_together() -> None:
    shards = [f"text_encoder/model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    wanted = ["text_encoder/model.safetensors.index.json", *shards]
    unwanted = [
        "text_encoder/model.fp16-00001-of-00002.safetensors",
        "text_encoder/model-00001-of-00002.fp16.safetensors",
        "text_encoder/model.safetensors.index.fp16.json",
        "text_encoder/pytorch_model.bin.index.json",
        "text_encoder/pytorch_model.bin",
    ]
    assert chosen(*wanted, *unwanted) == wanted


def test_tokenizers_keep_their_vocabulary_and_template() -> None:
    wanted = [f"tokenizer/{name}" for name in ("spiece.model", "chat_template.jinja", "merges.txt")]
    assert chosen(*wanted, "tokenizer/evil.py", "tokenizer/../../x.json") == wanted
