"""OpenAI's Images API: whatever goes wrong is told in its form."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from tests.http.openai_asking import ECHO, EDITS, GENERATIONS, KONTEXT, SD, UPLOAD, asked, error
from tests.support import rig as rigs
from tests.support.hands import failed
from tests.support.limits import Limits
from tests.support.rig import Rig

from darkroom.domain.ids import PredictionId

_PART = b'--a\r\nContent-Disposition: form-data; name="model"\r\n\r\n'


async def test_an_upload_that_is_not_the_callers_is_no_picture(rig: Rig) -> None:
    unknown = f"{rigs.ORIGIN}/v1/files/{'0' * 26}"
    answer = await rig.client.post(GENERATIONS, json={**ECHO, "image": unknown})

    assert error(answer) == (400, "image", None)
    assert await rig.listed() == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "model"),
        ({"model": ""}, "model"),
        ({"model": 1}, "model"),
        ({"model": "darkroom/echo-text", "prompt": "x"}, "model"),
        ({"model": "darkroom/echo"}, "image"),
        ({**ECHO, "image": 5}, "image"),
        ({**ECHO, "image": ["data:,x", 5]}, "image"),
        ({**ECHO, "image": "no address"}, "image"),
        ({**ECHO, "image": ["data:,a", "data:,b"]}, "image"),
        ({**ECHO, "prompt": 7}, "prompt"),
        ({**ECHO, "ms": 60_001}, "ms"),
        ({**ECHO, "mask": "data:,m"}, "mask"),
        ({**ECHO, "mask": 5}, "mask"),
        ({**ECHO, "n": 0}, "n"),
        ({**ECHO, "n": 11}, "n"),
        ({**ECHO, "n": "two"}, "n"),
        ({**ECHO, "n": True}, "n"),
        ({"model": SD, "image": "data:,x", "n": 9}, "n"),
        ({**ECHO, "size": "large"}, "size"),
        ({**ECHO, "response_format": "webp"}, "response_format"),
        ({**ECHO, "stream": True}, "stream"),
        ({"model": KONTEXT, "prompt": "x", "image": "data:,x"}, "input_image_2"),
        ({"model": KONTEXT, "prompt": "x", "output_format": "webp"}, "image"),
        ([], None),
    ],
)
async def test_a_field_that_cannot_be_is_named(rig: Rig, body: object, param: str | None) -> None:
    answer = await rig.client.post(GENERATIONS, json=body)
    told = param if param != "input_image_2" else "image"

    assert error(answer) == (400, told, None)
    assert (param or "") in answer.json()["error"]["message"] or param == told == "image"
    assert answer.headers["x-should-retry"] == "false"
    assert await rig.listed() == []


async def test_every_fault_is_told(rig: Rig) -> None:
    answer = await rig.client.post(GENERATIONS, json={"model": KONTEXT, "output_format": "webp"})

    assert answer.json()["error"]["message"] == (
        "prompt is required; input_image_1 is required; input_image_2 is required; "
        'output_format: output_format must be one of the following: "jpg", "png"'
    )


async def test_an_edit_needs_a_picture(rig: Rig) -> None:
    form = {"model": "darkroom/echo", "prompt": "x"}
    empty = {"image": ("a.png", b"", "image/png")}

    assert error(await rig.client.post(EDITS, json=form)) == (400, "image", None)
    assert error(await rig.client.post(EDITS, data=form, files=empty)) == (400, "image", None)


@pytest.mark.parametrize("model", ["gpt-image-1", "dall-e-3", "acme/none", "darkroom/echo:latest"])
async def test_a_model_that_is_not_here_is_not_found(rig: Rig, model: str) -> None:
    answer = await rig.client.post(GENERATIONS, json={**ECHO, "model": model})

    assert error(answer) == (404, "model", "model_not_found")
    assert model in answer.json()["error"]["message"]


async def test_a_version_names_its_model(rig: Rig) -> None:
    found = (await rig.client.get("/v1/models/darkroom/echo")).json()["latest_version"]["id"]
    for text in (found, f"darkroom/echo:{found}"):
        answer = await rig.client.post(GENERATIONS, json={"model": text})
        assert error(answer) == (400, "image", None)


@pytest.mark.parametrize(
    ("told", "status", "param", "code"),
    [
        ("input image: this is an SVG; send a JPEG", 400, "image", "invalid_value"),
        ("`image` is 3 x 3 pixels; send a larger one.", 400, "image", "invalid_value"),
        ("ms must be from 0 to 1, but is 2.", 400, "ms", "invalid_value"),
        ("The picture is 1 x 1; Send a larger one.", 400, "image", "invalid_value"),
        ("NSFW content detected. Try again.", 400, None, "content_policy_violation"),
        ("The input was flagged as sensitive. (E005)", 400, None, "content_policy_violation"),
        ("CUDA out of memory", 500, None, "model_failed"),
        ("ValueError: input is odd", 500, None, "model_failed"),
    ],
)
async def test_a_failed_run_is_told_by_whose_fault_it_was(
    rig: Rig, told: str, status: int, param: str | None, code: str
) -> None:
    async with asked(rig, json=ECHO) as posting:
        rig.worker.tell(await rig.worker.job(), ended=failed(told))
    answer = await posting

    assert error(answer) == (status, param, code)
    assert answer.json()["error"]["message"] == told
    assert answer.headers["x-prediction-id"] == (await rig.listed())[0]["id"]
    assert answer.headers["x-should-retry"] == "false"


async def test_one_failure_among_several_is_the_answer(rig: Rig) -> None:
    async with asked(rig, json={**ECHO, "n": 2}) as posting:
        await rig.worker.succeed(await rig.worker.job(0))
        rig.worker.tell(await rig.worker.job(1), ended=failed("CUDA out of memory"))

    assert error(await posting) == (500, None, "model_failed")


async def test_a_canceled_prediction_is_told_as_such(rig: Rig) -> None:
    async with asked(rig, json=ECHO) as posting:
        job = await rig.worker.job()
        await rig.client.post(f"/v1/predictions/{job.id}/cancel")

    assert error(await posting) == (500, None, "canceled")


async def test_a_key_is_asked_for_in_openais_form(rig: Rig) -> None:
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer sk-something-else"}):
        answer = await rig.client.post(GENERATIONS, json=ECHO, headers=headers)
        assert error(answer) == (401, None, "invalid_api_key")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", GENERATIONS, 405),
        ("POST", "/v1/images/variations", 404),
        ("POST", "/v1/images/", 404),
        ("POST", "/replicate/v1/v1/images/none", 404),
    ],
)
async def test_whatever_else_goes_wrong_there_has_openais_form(
    rig: Rig, method: str, path: str, status: int
) -> None:
    assert error(await rig.client.request(method, path)) == (status, None, None)


async def test_too_many_requests_are_told_in_openais_form(tmp_path: Path) -> None:
    async with rigs.rig(tmp_path, limits=Limits(rate=1)) as rig:
        first = await rig.client.post(GENERATIONS, json={})
        answer = await rig.client.post(GENERATIONS, json={})

    assert error(first) == (400, "model", None)
    assert error(answer) == (429, None, "rate_limit_exceeded")
    assert int(answer.headers["retry-after"]) > 0


async def test_elsewhere_errors_keep_the_vendors_form(rig: Rig) -> None:
    for path in ("/v1/imagesx", "/v1/none"):
        assert (await rig.client.post(path)).json().keys() == {"detail", "status"}


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{nope", "application/json", 400),
        (b"", "application/json", 400),
        (b"x" * (2**20 + 1), "application/json", 413),
        (b"x", "multipart/form-data", 400),
        (b"x", "multipart/form-data; boundary=a", 400),
        (b"--a\r\n\r\n\r\n--a--\r\n", "multipart/form-data; boundary=a", 400),
        (_PART + b"darkroom/echo\r\n", "multipart/form-data; boundary=a", 400),
        (_PART + b"darkroom/echo\r\n--a\r\n", "multipart/form-data; boundary=a", 400),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(
    rig: Rig, content: bytes, kind: str, status: int
) -> None:
    answer = await rig.client.post(EDITS, content=content, headers={"Content-Type": kind})

    assert error(answer) == (status, None, None)


async def test_a_form_of_too_many_files_is_refused(rig: Rig) -> None:
    files: Sequence[tuple[str, tuple[str, bytes, str]]] = [("image[]", UPLOAD)] * 17
    answer = await rig.client.post(EDITS, data={"model": KONTEXT}, files=list(files))

    assert error(answer) == (400, None, None)
    assert "16" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "fields", [{f"f{n}": "x" for n in range(65)}, {"prompt": "x" * (2**20 + 1)}]
)
async def test_a_form_of_too_many_or_too_long_fields_is_refused(
    tmp_path: Path, fields: Mapping[str, str]
) -> None:
    async with rigs.rig(tmp_path, body_limit=2**22) as rig:
        answer = await rig.client.post(EDITS, data=fields, files={"image": UPLOAD})

    assert error(answer) == (400, None, None)
    assert "64 other fields" in answer.json()["error"]["message"]


async def test_a_run_that_outlasts_the_wait_goes_on_and_is_told_where(tmp_path: Path) -> None:
    async with rigs.rig(tmp_path, openai_wait=0.01) as rig:
        rig.worker.join()
        answer = await rig.client.post(GENERATIONS, json=ECHO)
        job = await rig.worker.job()

        assert error(answer) == (504, None, "timeout")
        assert answer.json()["error"]["message"].endswith(f"/v1/predictions/{job.id}")
        await rig.worker.succeed(job)
        await rig.settled()
        assert (await rig.get(answer.headers["x-prediction-id"]))["status"] == "succeeded"


@pytest.mark.parametrize("headers", [{"X-Stainless-Retry-Count": "1"}, {"Idempotency-Key": "k"}])
async def test_a_refusal_of_one_is_one_of_all_and_a_repeat_makes_them_anew(
    tmp_path: Path, headers: Mapping[str, str]
) -> None:
    three = {**ECHO, "n": 3}
    async with rigs.rig(tmp_path, limits=Limits(queue=3)) as rig:
        other = await rig.create()
        refused = await rig.client.post(GENERATIONS, json=three, headers=headers)
        statuses = {str(one["id"]): one["status"] for one in await rig.listed()}
        await rig.client.post(f"/v1/predictions/{other['id']}/cancel")
        async with asked(rig, json=three, headers=headers) as posting:
            for number in range(3):
                await rig.worker.succeed(await rig.worker.job(number))
        answer = await posting

    assert error(refused) == (429, None, "rate_limit_exceeded")
    assert statuses.pop(str(other["id"])) == "starting"
    assert list(statuses.values()) == ["canceled", "canceled"]
    assert answer.status_code == 200
    assert not statuses.keys() & {*answer.headers["x-prediction-id"].split(", ")}


async def test_what_was_refused_is_not_remembered_by_the_next_server(tmp_path: Path) -> None:
    async with rigs.rig(tmp_path, limits=Limits(queue=2)) as rig:
        refused = await rig.client.post(GENERATIONS, json={**ECHO, "n": 3})
        made = await rig.listed()
        kept = await rig.predictions.intake.requests.recent(PredictionId("0"), 10)

    assert error(refused) == (429, None, "rate_limit_exceeded")
    assert [one["status"] for one in made] == ["canceled", "canceled"]
    assert kept == []


async def test_each_picture_that_is_a_prediction_counts_against_the_limit(tmp_path: Path) -> None:
    async with rigs.rig(tmp_path, limits=Limits(rate=4)) as rig:
        async with asked(rig, json={**ECHO, "n": 3}) as posting:
            for number in range(3):
                await rig.worker.succeed(await rig.worker.job(number))
        refused = await rig.client.post(GENERATIONS, json={**ECHO, "n": 2})
        made = await rig.listed()

    assert (await posting).status_code == 200
    assert error(refused) == (429, None, "rate_limit_exceeded")
    assert refused.headers["retry-after"] == "15"
    assert len(made) == 3
