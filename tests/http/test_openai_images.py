"""OpenAI's Images API: requests become ordinary predictions, answers have its form."""

import base64
import threading
from pathlib import Path
from typing import cast

import pytest
from tests.http.openai_asking import (
    AS_DATA,
    ECHO,
    EDITS,
    GENERATIONS,
    KONTEXT,
    SD,
    UPLOAD,
    asked,
    error,
)
from tests.support import rig as rigs
from tests.support.hands import PICTURE, succeeded
from tests.support.rig import Rig

from darkroom.service import data_urls


async def test_a_picture_is_answered_by_its_address(rig: Rig) -> None:
    async with asked(rig, json={**ECHO, "prompt": "a house"}) as posting:
        await rig.worker.succeed(await rig.worker.job())
    answer = await posting
    told = answer.json()

    assert answer.status_code == 200
    assert told.keys() == {"created", "data"}
    (picture,) = told["data"]
    assert picture.keys() == {"url"}
    assert (await rig.client.get(picture["url"])).content == PICTURE
    assert "authorization" not in picture["url"].lower()


async def test_a_request_is_an_ordinary_prediction(rig: Rig) -> None:
    async with asked(rig, json={**ECHO, "prompt": "a house"}) as posting:
        await rig.worker.succeed(await rig.worker.job())
    answer = await posting
    (listed,) = await rig.listed()

    assert answer.headers["x-prediction-id"] == listed["id"]
    assert answer.headers["x-request-id"] == listed["id"]
    assert (listed["model"], listed["status"]) == ("darkroom/echo", "succeeded")
    assert listed["input"] == {"image": "data:,x", "prompt": "a house"}


async def test_a_picture_is_given_in_base64_where_that_is_asked_for(rig: Rig) -> None:
    async with asked(rig, json={**ECHO, "response_format": "b64_json"}) as posting:
        await rig.worker.succeed(await rig.worker.job())
    (picture,) = (await posting).json()["data"]

    assert picture.keys() == {"b64_json"}
    assert base64.b64decode(picture["b64_json"]) == PICTURE


async def test_a_picture_whose_bytes_are_gone_is_still_told_by_address(rig: Rig) -> None:
    async with asked(rig, json={**ECHO, "response_format": "b64_json"}) as posting:
        job = await rig.worker.job()
        gave = await rig.worker.give_picture(job)
        await rig.blobs.delete(f"predictions/{job.id}/1/0")
        rig.worker.tell(job, gave, ended=succeeded())
    (picture,) = (await posting).json()["data"]

    assert picture.keys() == {"url"}


async def test_the_other_prefix_answers_too_and_addresses_stay_whole(rig: Rig) -> None:
    async with asked(rig, "/replicate/v1/images/generations", json=ECHO) as posting:
        await rig.worker.succeed(await rig.worker.job())
    answer = await posting

    assert answer.status_code == 200
    assert (await rig.client.get(answer.json()["data"][0]["url"])).status_code == 200


async def test_an_uploaded_picture_is_edited(rig: Rig) -> None:
    form = {"model": "darkroom/echo", "prompt": "at night", "ms": "5", "user": "u", "n": "1"}
    async with asked(rig, EDITS, data=form, files={"image": UPLOAD}) as posting:
        job = await rig.worker.job()
        await rig.worker.succeed(job)
    answer = await posting
    (listed,) = await rig.listed()

    assert answer.status_code == 200, answer.text
    assert listed["input"] == {"image": AS_DATA, "prompt": "at night", "ms": 5}


async def test_a_large_picture_is_spelled_beside_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture, threads = PICTURE + bytes(300_000), list[str]()

    def encode(content_type: str, data: bytes) -> str:
        threads.append(threading.current_thread().name)
        return real(content_type, data)

    real = data_urls.encode
    monkeypatch.setattr(data_urls, "encode", encode)
    files = {"image": ("a.png", picture, "image/png")}
    async with (
        rigs.rig(tmp_path) as rig,
        asked(rig, EDITS, data={"model": "darkroom/echo"}, files=files) as posting,
    ):
        job = await rig.worker.job()
        await rig.worker.succeed(job)
        assert (await posting).status_code == 200
        assert await rig.blobs.get(f"predictions/{job.id}/0/0") == picture
    assert "MainThread" not in threads[:1]


@pytest.mark.parametrize("name", ["image", "image[]", "images[]"])
async def test_several_pictures_fill_the_inputs_in_their_order(rig: Rig, name: str) -> None:
    files = [(name, ("a.png", PICTURE, "image/png")), (name, ("b", b"GIF89a", "no/type!"))]
    form = {"model": KONTEXT, "prompt": "both", "size": "1536x1024", "output_format": "jpeg"}
    async with asked(rig, EDITS, data=form, files=files) as posting:
        await rig.worker.succeed(await rig.worker.job())
    answer = await posting
    (listed,) = await rig.listed()

    assert answer.status_code == 200, answer.text
    assert listed["input"] == {
        "prompt": "both",
        "input_image_1": AS_DATA,
        "input_image_2": "data:application/octet-stream;base64,R0lGODlh",
        "aspect_ratio": "3:2",
        "output_format": "jpg",
    }


async def test_pictures_may_be_named_by_address_in_json(rig: Rig) -> None:
    images = [{"image_url": "data:,a"}, "data:,b"]
    body = {"model": KONTEXT, "prompt": "both", "images": images, "seed": None}
    async with asked(rig, EDITS, json=body) as posting:
        await rig.worker.succeed(await rig.worker.job())
    (listed,) = await rig.listed()

    assert (await posting).status_code == 200
    assert listed["input"] == {
        "prompt": "both",
        "input_image_1": "data:,a",
        "input_image_2": "data:,b",
    }


async def test_several_pictures_of_one_are_several_predictions(rig: Rig) -> None:
    async with asked(rig, json={**ECHO, "n": 3}) as posting:
        for n in range(3):
            await rig.worker.succeed(await rig.worker.job(n), data=PICTURE + bytes([n]))
    answer = await posting
    listed = await rig.listed()

    assert len(answer.json()["data"]) == 3
    told = answer.headers["x-prediction-id"].split(", ")
    assert sorted(told) == sorted(str(one["id"]) for one in listed)
    assert len(set(told)) == 3
    pictures = [(await rig.client.get(one["url"])).content for one in answer.json()["data"]]
    assert sorted(pictures) == [PICTURE + bytes([n]) for n in range(3)]


async def test_a_model_that_makes_several_makes_them_in_one_prediction(rig: Rig) -> None:
    async with asked(rig, json={"model": SD, "image": "data:,x", "n": 2}) as posting:
        job = await rig.worker.job()
        gave = [await rig.worker.give_picture(job, index=n) for n in range(2)]
        rig.worker.tell(job, *gave, ended=succeeded())
    (listed,) = await rig.listed()

    assert len((await posting).json()["data"]) == 2
    assert cast("dict[str, object]", listed["input"])["num_outputs"] == 2


@pytest.mark.parametrize(("n", "made"), [("1", 1), ("2", 2)])
async def test_a_form_that_is_sent_again_makes_nothing_new(rig: Rig, n: str, made: int) -> None:
    form = {"model": "darkroom/echo", "prompt": "at night", "n": n}
    async with asked(rig, EDITS, data=form, files={"image": UPLOAD}) as posting:
        for number in range(made):
            await rig.worker.succeed(await rig.worker.job(number))
    again = await rig.client.post(
        EDITS, data=form, files={"image": UPLOAD}, headers={"X-Stainless-Retry-Count": "1"}
    )

    assert again.json() == (await posting).json()
    assert len(again.json()["data"]) == made
    assert again.request.headers["content-type"] != (await posting).request.headers["content-type"]
    assert len(await rig.listed()) == made


async def test_an_idempotency_key_stands_for_all_pictures_of_a_request(rig: Rig) -> None:
    keyed = {"Idempotency-Key": "k1"}
    async with asked(rig, json={**ECHO, "n": 2}, headers=keyed) as posting:
        for number in range(2):
            await rig.worker.succeed(await rig.worker.job(number))
    again = await rig.client.post(GENERATIONS, json={**ECHO, "n": 2}, headers=keyed)
    other = await rig.client.post(GENERATIONS, json={**ECHO, "n": 1}, headers=keyed)

    assert again.json() == (await posting).json()
    assert len(await rig.listed()) == 2
    assert error(other) == (400, None, None)


async def test_the_callers_key_stays_out_of_what_is_kept(rig: Rig) -> None:
    key = rig.client.headers["authorization"].removeprefix("Bearer ")
    async with asked(rig, json={**ECHO, "prompt": f"x {key}"}) as posting:
        await rig.worker.succeed(await rig.worker.job())
    (listed,) = await rig.listed()

    assert (await posting).status_code == 200
    assert cast("dict[str, object]", listed["input"])["prompt"] == "[redacted]"


async def test_models_are_listed_in_the_vendors_form(rig: Rig) -> None:
    assert (await rig.client.get("/v1/models")).json().keys() == {"next", "previous", "results"}


async def test_the_operators_model_runs_where_none_is_named(tmp_path: Path) -> None:
    async with (
        rigs.rig(tmp_path, openai_model="darkroom/echo") as rig,
        asked(rig, json={"image": "data:,x", "model": None}) as posting,
    ):
        await rig.worker.succeed(await rig.worker.job())
        assert (await posting).status_code == 200
