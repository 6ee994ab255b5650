"""A run goes through worker and host and back: outputs, logs, inputs, as few messages as can be."""

import base64
import json
from pathlib import Path
from typing import cast

import pytest
from tests.worker.scripted import Heard, rig, spec

from darkroom.protocol.messages import FieldSpec, FileRef

PNG = b"\x89PNG\r\n\x1a\n" + bytes(10_000)
PNG_URL = "data:image/png;base64," + base64.b64encode(PNG).decode()
SHOWS = "tests.zoo.shows_inputs:Runner"


def shown(heard: Heard) -> dict[str, dict[str, object]]:
    value = heard.gave[0].value
    assert value is not None
    return cast("dict[str, dict[str, object]]", json.loads(json.loads(value)))


async def test_echo_gives_its_picture_back_in_one_message(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        await here.server.run(spec(), {"image": PNG_URL})  # loads it
        heard = await here.server.run(spec(), {"image": PNG_URL})
        assert len(heard.messages) == 1
        assert heard.messages[0].started
        assert heard.end.outcome == "succeeded"
        assert json.loads(heard.end.metrics) == {"image_count": 1}
        [file] = heard.files
        assert (file.name, file.content_type, file.size_bytes) == (
            "output.png",
            "image/png",
            len(PNG),
        )
        assert file.key == "predictions/p2/1/0"
        assert await here.blobs.get(file.key) == PNG


async def test_two_hundred_runs_at_once_each_end_once(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        runs = [
            here.server.job(spec(), {"image": PNG_URL}, name=f"p{number}") for number in range(200)
        ]
        for heard in runs:
            await heard.ended.wait()
        assert {heard.end.outcome for heard in runs} == {"succeeded"}
        assert {len(heard.files) for heard in runs} == {1}


async def test_words_are_told_in_order(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        heard = await here.server.run(spec("echo-text"), {"prompt": "one  two\nthree ", "ms": 1})
        words = [json.loads(gave.value or "") for gave in heard.gave]
        assert words == ["one", "  two", "\nthree", " "]
        assert [gave.index for gave in heard.gave] == [0, 1, 2, 3]


async def test_the_start_of_a_slow_run_is_told_before_its_end(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        heard = here.server.job(spec(), {"image": PNG_URL, "ms": 3_600_000})
        await heard.changed.wait()
        assert heard.messages[0].started
        assert heard.messages[0].ended is None


async def test_a_chatty_run_is_told_in_few_messages_and_its_log_is_cut(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        heard = await here.server.run(spec("tests.zoo.prints_a_lot:Runner"), {})
        assert heard.end.outcome == "succeeded"
        assert len(heard.messages) < 100
        lines = heard.logs.splitlines()
        assert lines[0] == "x" * 8192 + "…"
        assert lines[1].startswith("line 0 ")
        assert lines[-1] == "[the log is longer than 1 MiB; the rest is not kept]"
        assert len(heard.logs) < 2**20 + 200
        assert heard.gave[0].value == '"done"'


async def test_more_files_than_are_taken_fail_the_run(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        version = spec("tests.zoo.gives_too_much:Runner")
        many = await here.server.run(version, {})
        assert many.end.error == "the model gave more than 64 files, which is the limit"
        assert len(many.files) == 64
        large = await here.server.run(version, {"prompt": "large"})
        assert large.end.error == "the model gave a file larger than 64 MiB, which is the limit"


@pytest.mark.conformance(22)
async def test_defaults_are_filled_and_unknown_inputs_dropped(tmp_path: Path) -> None:
    fields = (
        FieldSpec(name="steps", type="integer", default=20),
        FieldSpec(name="width", type="integer"),
        FieldSpec(name="scale", type="number", default=7.5),
        FieldSpec(name="absent", type="string"),
        FieldSpec(name="image", type="file"),
    )
    async with rig(tmp_path) as here:
        given = {"width": 512.0, "scale": None, "strange": {"a": [1]}, "image": PNG_URL}
        heard = await here.server.run(spec(SHOWS, fields=fields), given)
        assert shown(heard)["values"] == {"steps": 20, "width": 512, "scale": 7.5}
        assert isinstance(shown(heard)["values"]["width"], int)
        assert shown(heard)["files"] == {"image": ["image/png", len(PNG)]}


@pytest.mark.conformance(64)
async def test_files_come_from_the_store_and_from_addresses(tmp_path: Path) -> None:
    fields = tuple(FieldSpec(name=name, type="file") for name in ("kept", "far", "inline"))
    async with rig(tmp_path) as here:
        await here.blobs.put("predictions/p1/0/0", PNG)
        here.pictures.pages["https://example.com/x.gif"] = b"GIF89a..."
        heard = here.server.job(
            spec(SHOWS, fields=fields),
            {"kept": "", "far": "https://example.com/x.gif", "inline": "data:,hello"},
            files=[
                FileRef(path=["kept"], key="predictions/p1/0/0"),
            ],
        )
        await heard.ended.wait()
        assert shown(heard)["files"] == {
            "kept": ["image/png", len(PNG)],
            "far": ["image/gif", 9],
            "inline": ["application/octet-stream", 5],
        }


async def test_pixels_are_decoded_into_a_folder_that_goes_away(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        version = spec(SHOWS, pixels=True)
        heard = await here.server.run(version, {"image": "data:image/gif,GIF89a..."})
        assert shown(heard)["files"] == {"image": [9, "GIF89a..."]}
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize(
    ("image", "pixels", "error"),
    [
        ("ftp://host/x", False, "this is neither an http(s) URL nor a data: URL"),
        ("https://nowhere.example/x", False, "the address cannot be reached"),
        ("data:image/png;base64", False, "a data: URL needs a comma before its data"),
        ("data:image/png;base64,%%%", False, "what this data: URL holds is not base64"),
        (["a", "b"], False, "a single value is needed, not a list or object"),
        (7, False, "this is neither an http(s) URL nor a data: URL"),
        ("data:,BM....", True, "this is a BMP picture; send a JPEG, PNG, GIF or WebP"),
        ("data:,<!DOCTYPE html>", True, "this is an HTML page; send a JPEG, PNG, GIF or WebP"),
        ("data:,", True, "this is an empty file; send a JPEG, PNG, GIF or WebP"),
        ("data:,GIF89a-truncated", True, "the picture is truncated"),
    ],
)
async def test_an_unusable_input_fails_the_run_by_its_name(
    tmp_path: Path,
    image: "str | int | list[str]",
    pixels: bool,  # noqa: FBT001  # a parameter of the test
    error: str,
) -> None:
    async with rig(tmp_path) as here:
        heard = await here.server.run(spec(SHOWS, pixels=pixels), {"image": image})
        assert heard.end.outcome == "failed"
        assert heard.end.error == f"input image: {error}"
        assert not heard.messages[0].started


async def test_a_file_that_left_the_store_fails_the_run(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        gone = FileRef(path=["image"], key="predictions/p1/0/0")
        heard = here.server.job(spec(SHOWS), {"image": ""}, files=[gone])
        await heard.ended.wait()
        assert heard.end.error == "input image: the file is not stored here"


async def test_an_input_that_is_no_object_fails_the_run(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        heard = await here.server.run(spec(), "[1")
        assert (heard.end.error or "").startswith("the input is not a JSON object")


async def test_what_cannot_be_stored_fails_the_run(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        (tmp_path / "files" / "predictions").write_bytes(b"in the way")
        heard = await here.server.run(spec(), {"image": PNG_URL})
        assert heard.end.outcome == "failed"
        assert heard.end.error == (
            "An output file could not be stored:"
            " the file store does not take files (Not a directory)"
        )
        assert heard.files == []


async def test_a_host_sees_nothing_of_ours_in_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DARKROOM_HUB_TOKEN", "secret")
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    async with rig(tmp_path) as here:
        heard = await here.server.run(spec(SHOWS), {})
        names = cast("list[str]", shown(heard)["environment"])
        assert "OMP_NUM_THREADS" in names
        assert "HF_HUB_OFFLINE" in names
        assert [name for name in names if name.startswith("DARKROOM") or "TOKEN" in name] == []


async def test_a_beat_names_what_is_held_and_what_is_loaded(tmp_path: Path) -> None:
    async with rig(tmp_path, beat_seconds=0.01) as here:
        heard = here.server.job(spec(), {"ms": 3_600_000})
        await heard.changed.wait()
        here.server.beat.clear()
        await here.server.beat.wait()
        assert here.server.beats[-1].held == [("p1", 1)]
        assert here.server.beats[-1].resident == [spec().id]
