"""The doctor tells which weights are not here, and what to do, without asking anybody."""

import json
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest
from tests.store.places import Loop, postgres_place
from tests.weights.hub import tensors

from darkroom.compose.checkup import look
from darkroom.compose.finding import Finding, Level
from darkroom.compose.neighbours import mark
from darkroom.domain.ids import ServerId
from darkroom.settings import load

GATED = "black-forest-labs/flux-kontext-dev"


async def found(folder: Path, subject: str, **settings: str) -> list[Finding]:
    findings = await look(load({"data_dir": str(folder), **settings}))
    return [one for one in findings if one.subject == subject]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HF_TOKEN", "DARKROOM_HUB_TOKEN", "DARKROOM_WEIGHTS", "DARKROOM_CONFIG"):
        monkeypatch.delenv(name, raising=False)


async def test_weights_that_are_not_here_are_a_warning_with_what_to_do(tmp_path: Path) -> None:
    models = await found(tmp_path, "model")
    warned = [one for one in models if one.level is Level.WARN]
    assert len(warned) == 3
    assert all(one.remedy for one in warned)
    assert {one.level for one in models if "echo" in one.line} == {Level.OK}
    [offline] = await found(tmp_path, "weights")
    assert f"copy a model's folder into {tmp_path / 'weights'}" in offline.remedy
    assert "network" not in offline.line


async def test_a_gated_model_asks_for_a_token_until_there_is_one(tmp_path: Path) -> None:
    def remedy(models: list[Finding]) -> str:
        return next(one.remedy for one in models if one.line.startswith(GATED))

    without = remedy(await found(tmp_path, "model"))
    assert "https://huggingface.co/black-forest-labs/FLUX.1-Kontext-dev" in without
    assert "DARKROOM_HUB_TOKEN" in without
    assert "TOKEN" not in remedy(await found(tmp_path, "model", hub_token="hf_mine"))


async def test_a_folder_of_another_family_is_a_failure_with_what_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "FluxKontextPipeline"}')
    (tmp_path / "x.safetensors").write_bytes(tensors())
    entry = {"runner": "diffusers", "family": "stable-diffusion", "weights": str(tmp_path)}
    monkeypatch.setenv("DARKROOM_MODELS", json.dumps({"acme/x": entry}))
    failed = [one for one in await found(tmp_path, "model") if one.level is Level.FAIL]
    assert [one.line for one in failed] == [
        f"acme/x: {tmp_path} holds a FluxKontextPipeline, which is of the family flux-kontext, and"
        " its entry says stable-diffusion; write `family: flux-kontext` in darkroom.yaml, or"
        " correct `weights` there"
    ]


async def test_tiny_weights_are_well_and_nothing_is_said_of_downloads(tmp_path: Path) -> None:
    models = await found(tmp_path, "model", weights="tiny")
    assert {one.level for one in models} == {Level.OK}
    assert sum("pictures are noise" in one.line for one in models) == 3
    assert await found(tmp_path, "weights", weights="tiny") == []


async def test_a_backend_whose_package_is_missing_is_a_failure_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await found(tmp_path, "engine", engine_backend="openvino", weights="tiny") == []
    monkeypatch.setattr("darkroom.compose.checkup.find_spec", dict[str, object]().get)
    [missing] = await found(tmp_path, "engine", engine_backend="openvino", weights="tiny")
    assert (missing.level, missing.remedy[-13:]) == (Level.FAIL, "'.[openvino]'")


async def test_a_disk_on_which_no_prediction_would_be_taken_is_a_failure(tmp_path: Path) -> None:
    [plenty] = await found(tmp_path, "disk", weights="tiny", min_free_bytes="0")
    [little] = await found(tmp_path, "disk", weights="tiny", min_free_bytes=str(2**60))

    assert plenty.level is not Level.FAIL
    assert little.level is Level.FAIL
    assert "DARKROOM_MIN_FREE_BYTES" in little.remedy


async def test_postgresql_is_looked_at_and_nothing_is_made_there(
    tmp_path: Path, postgres_url: str
) -> None:
    [found] = await found_of(tmp_path, postgres_url)
    [again] = await found_of(tmp_path, postgres_url)
    [away] = await found_of(tmp_path, "postgresql://ada:hush@127.0.0.1:1/none")
    asking = await asyncpg.connect(postgres_url)
    told = str(await asking.fetchval("show server_version")).split()[0]
    await asking.close()

    assert found.line.startswith(f"PostgreSQL {told} at ")
    assert "schema empty" in again.line
    assert away.level is Level.FAIL
    assert "hush" not in away.line


async def found_of(folder: Path, url: str) -> list[Finding]:
    return await found(folder, "postgres", database_url=url)


async def test_a_bucket_is_named_with_its_server_and_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await found(tmp_path, "files", weights="tiny") == []
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://store.lan:9000")
    [line] = await found(tmp_path, "files", weights="tiny", files_url="s3://pictures/mine")
    assert line.level is Level.OK
    assert "s3://pictures/mine on http://store.lan:9000" in line.line


async def test_a_directory_whose_database_is_elsewhere_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "server.id").write_text("abc\n")
    told = await found(tmp_path, "sqlite", weights="tiny")

    (failed,) = [one for one in told if one.level is Level.FAIL]
    assert "DARKROOM_DATABASE_URL" in failed.line


async def test_servers_that_keep_their_files_elsewhere_are_a_warning(
    tmp_path: Path, postgres_url: str
) -> None:
    with closing(Loop()) as loop, postgres_place(loop, postgres_url) as place:
        with closing(place.hand()) as hand:
            for server in ("me", "near", "far"):
                hand.execute(
                    "insert into servers(id, beat, fair_clocks) values (?, 1, '{}')", [server]
                )
        (tmp_path / "server.id").write_text("me\n")
        mark(tmp_path / "files", ServerId("near"))
        (warned,) = await found(tmp_path, "files", weights="tiny", database_url=place.url)

    assert warned.level is Level.WARN
    assert "not shared by 1 other server(s)" in warned.line
    assert "DARKROOM_FILES_URL" in warned.remedy
