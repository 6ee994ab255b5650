"""`-i key=value` is typed by the version's schema, and every mistake is named."""

from pathlib import Path

import pytest

from darkroom.cli.inputs import gives_files, read_inputs
from darkroom.domain.errors import InvalidSetting
from darkroom.domain.model import Json

SCHEMA: dict[str, Json] = {
    "components": {
        "schemas": {
            "Input": {
                "properties": {
                    "prompt": {"type": "string"},
                    "image": {"type": "string", "format": "uri"},
                    "steps": {"type": "integer"},
                    "strength": {"type": "number"},
                    "fast": {"type": "boolean"},
                    "scheduler": {"allOf": [{"$ref": "#/components/schemas/scheduler"}]},
                    "anything": {},
                }
            },
            "scheduler": {"type": "string", "enum": ["DDIM", "7"]},
            "Output": {"type": "array", "items": {"type": "string", "format": "uri"}},
        }
    }
}


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("prompt=a = b", "a = b"),
        ("prompt=@someone", "@someone"),
        ("prompt=12", "12"),
        ("prompt=", ""),
        ("image=https://example.org/a.png", "https://example.org/a.png"),
        ("image=data:," + "a" * 5000, "data:," + "a" * 5000),
        ("steps=25", 25),
        ("strength=0.5", 0.5),
        ("fast=True", True),
        ("scheduler=7", "7"),
        ('anything={"a": [1]}', {"a": [1]}),
        ("anything=words", "words"),
    ],
)
def test_a_value_takes_the_type_the_schema_wants(pair: str, value: Json) -> None:
    assert read_inputs([pair], SCHEMA) == {pair.partition("=")[0]: value}


def test_a_file_becomes_a_data_url_with_its_type(tmp_path: Path) -> None:
    picture = tmp_path / "a.webp"
    picture.write_bytes(b"RIFF")
    assert read_inputs([f"image=@{picture}"], SCHEMA) == {
        "image": "data:image/webp;base64,UklGRg=="
    }


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ("prompt", "write it as key=value"),
        ("promt=x", "no such input; there are prompt, image, steps"),
        ("steps=2.5", "'2.5' is no integer"),
        ("strength=much", "'much' is no number"),
        ("fast=perhaps", "'perhaps' is no boolean"),
        ("image=@missing.png", "cannot read missing.png"),
    ],
)
def test_a_mistake_is_told_with_the_name_of_the_input(pair: str, sentence: str) -> None:
    with pytest.raises(InvalidSetting, match=sentence.replace("(", r"\(")):
        read_inputs([pair], SCHEMA)


def test_a_path_without_its_sign_is_asked_about_where_a_file_is_wanted(tmp_path: Path) -> None:
    picture = tmp_path / "a.webp"
    picture.write_bytes(b"RIFF")
    with pytest.raises(InvalidSetting, match=f"did you mean `-i image=@{picture}`"):
        read_inputs([f"image={picture}"], SCHEMA)
    assert read_inputs([f"prompt={picture}"], SCHEMA) == {"prompt": str(picture)}
    assert read_inputs([f"image={picture}.gone"], SCHEMA) == {"image": f"{picture}.gone"}


def test_outputs_are_files_where_the_schema_says_uri() -> None:
    assert gives_files(SCHEMA)
    one = {"components": {"schemas": {"Output": {"type": "string", "format": "uri"}}}}
    text = {"components": {"schemas": {"Output": {"type": "array", "items": {"type": "string"}}}}}
    assert gives_files(one)
    assert not gives_files(text)
    assert not gives_files({})
