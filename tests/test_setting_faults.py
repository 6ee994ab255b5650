"""What is told of a value of darkroom.yaml that is of a wrong kind, and of a key that is none."""

from pathlib import Path

import pytest

from darkroom.compose.entry import usable_settings
from darkroom.domain.errors import InvalidSetting
from darkroom.settings import Settings

ENTRY = "models: {acme/x: {runner: diffusers, family: stable-diffusion, weights: hf://a/b, %s}}"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and no variable of the machine that runs the tests."""
    for name in ("CONFIG", *(field.upper() for field in Settings.model_fields)):
        monkeypatch.delenv(f"DARKROOM_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(folder: Path, text: str) -> str:
    (folder / "darkroom.yaml").write_text(text)
    with pytest.raises(InvalidSetting) as caught:
        usable_settings({})
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("port: web", "port is 'web'; it must be a whole number"),
        ("port:", "port has no value; it must be a whole number"),
        ("port: 99999", "port is 99999; it must be at most 65535"),
        ("workers: 1.5", "workers is 1.5; it must be a whole number"),
        ("fsync_files: maybe", "fsync_files is 'maybe'; it must be on or off"),
        ("run_limit_seconds: long", "run_limit_seconds is 'long'; it must be a number"),
        ("run_limit_seconds: 0", "run_limit_seconds is 0; it must be more than 0"),
        ("host: 127", "host is 127; it must be text: put it in quotes"),
        ("data_dir: [here]", "data_dir is a list; it must be text"),
        ("egress_allow: 5", "egress_allow is 5; it must be a list, such as [a, b]"),
        ("egress_allow: [5]", "egress_allow[0] is 5; it must be text: put it in quotes"),
        ("weights: [tiny]", "weights is a list; it must be 'hub' or 'tiny'"),
        ("weights: on", "weights is on; it must be 'hub' or 'tiny'"),
        ("owners: ada", "owners is 'ada'; it must be a mapping, such as {ada: {weight: 3}}"),
        ("owners: {ada: {weight: lots}}", "owners.ada.weight is 'lots'; it must be a number"),
        ("pools: {big: 4}", "pools.big is 4; it must be a mapping, such as {max: 4}"),
        ("pools: {big: {}}", "pools.big.max is missing; it must be there"),
        (
            "pools: {big: {max: 4, resources: [h200]}}",
            "pools.big.resources is a list; it must be a mapping, such as {h200: 1}",
        ),
        (
            "models: [acme/x]",
            "models is a list; it must be a mapping, such as {acme/hello: {runner: echo}}",
        ),
        (
            "models: {acme/x: hf://a/b}",
            "models.acme/x is 'hf://a/b'; it must be a mapping, such as {runner: echo}",
        ),
        (ENTRY % "safety: maybe", "models.acme/x.safety is 'maybe'; it must be on or off"),
        (
            ENTRY % "safety: 'Off'",
            "models.acme/x.safety is 'Off'; it must be on or off, without quotes",
        ),
        (ENTRY % "pin:", "models.acme/x.pin has no value; it must be on or off"),
        (
            ENTRY % "revision: 1.0",
            "models.acme/x.revision is 1.0; it must be text: put it in quotes",
        ),
        (
            ENTRY % "revision: 2026-01-31",
            "models.acme/x.revision is 2026-01-31; it must be text: put it in quotes",
        ),
        (ENTRY % "base: {a: b}", "models.acme/x.base is a mapping; it must be text"),
        (
            ENTRY % "loras: film.safetensors",
            "models.acme/x.loras is 'film.safetensors'; it must be a list, such as"
            " [{weights: ./film.safetensors}]",
        ),
        (
            ENTRY % "loras: [{weights: a}, film.safetensors]",
            "models.acme/x.loras[1] is 'film.safetensors'; it must be a mapping, such as"
            " {weights: ./film.safetensors, scale: 0.8}",
        ),
        (
            ENTRY % "loras: !!set {a}",
            "models.acme/x.loras[0] is 'a'; it must be a mapping, such as"
            " {weights: ./film.safetensors, scale: 0.8}",
        ),
        (
            ENTRY % "loras: [{weights: a, scale: '-0.8'}]",
            "models.acme/x.loras[0].scale is '-0.8'; it must be a number, without quotes",
        ),
        (
            ENTRY % "loras: [{scale: 1}]",
            "models.acme/x.loras[0].weights is missing; it must be there",
        ),
    ],
)
def test_a_value_of_a_wrong_kind_is_told_with_what_must_stand_there(
    text: str, sentence: str, folder: Path
) -> None:
    assert told(folder, text) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("modles: {}", "modles: there is no such setting; did you mean models?"),
        ("banana: 1", "banana: there is no such setting; see docs/configuration.md"),
        (
            "owners: {ada: {speed: 3}}",
            "owners.ada.speed: there is no such setting; there are weight, priority, running,"
            " queued",
        ),
        (
            "pools: {big: {mx: 1, max: 1}}",
            "pools.big.mx: there is no such setting; did you mean max?",
        ),
        (ENTRY % "lora: []", "models.acme/x.lora: there is no such setting; did you mean loras?"),
        (
            ENTRY % "loras: [{weights: a, size: 1}]",
            "models.acme/x.loras[0].size: there is no such setting; there are weights,"
            " revision, scale",
        ),
        (
            "models: {acme/x: {runner: echo, family: flux-kontext}}",
            "models.acme/x.family: there is no such setting; there are runner, pool, pin,"
            " description",
        ),
    ],
)
def test_a_key_that_is_none_is_told_with_those_there_are(
    text: str, sentence: str, folder: Path
) -> None:
    assert told(folder, text) == sentence


def test_a_long_value_is_cut(folder: Path) -> None:
    assert told(folder, f"port: {'a' * 500}") == f"port is '{'a' * 80}'; it must be a whole number"


@pytest.mark.parametrize("written", ["12345678901234567890", "[sixteen characters: long]"])
def test_a_secret_of_a_wrong_kind_is_not_repeated(written: str, folder: Path) -> None:
    sentence = told(folder, f"bootstrap_key: {written}")
    assert sentence.startswith("bootstrap_key must be text")
    assert "1234" not in sentence
    assert "sixteen" not in sentence
