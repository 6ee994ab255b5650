"""Creating, waiting for, listing and canceling predictions, as clients see it."""

import asyncio
import re
from pathlib import Path
from typing import cast

import pytest
from tests.support.hands import PICTURE, failed, succeeded
from tests.support.rig import KEY, ORIGIN, Rig
from tests.support.rig import rig as open_rig

DOCUMENTED = {
    "id", "model", "version", "input", "logs", "output", "data_removed", "error", "status",
    "created_at", "started_at", "completed_at", "metrics", "source", "urls",
}  # fmt: skip
SD = "stability-ai/stable-diffusion-img2img"
SD_VERSION = "15a3689ee13b0d2616e98820eca31d4c3abcd36672df6afce5cb6feb1d66087d"
IMG2IMG_BODY = (
    '{"version": "stability-ai/stable-diffusion-img2img:'
    '15a3689ee13b0d2616e98820eca31d4c3abcd36672df6afce5cb6feb1d66087d", '
    '"input": {"image": "https://replicate.delivery/pbxt/'
    'HtKMvJSvuGWDn2B35mM396QGzcrgCNkcgSko8JxtXux4aX9H/sketch-mountains-input.jpeg", '
    '"prompt": "A fantasy landscape, trending on artstation", '
    '"scheduler": "DPMSolverMultistep", "num_outputs": 1, "guidance_scale": 7.5, '
    '"prompt_strength": 0.8, "num_inference_steps": 25}}'
)
KONTEXT_BODY = (
    '{"input": {"prompt": "Put the woman next to the house", '
    '"aspect_ratio": "match_input_image", "input_image_1": "https://replicate.delivery/pbxt/'
    'N7gRAUNcVF6HarL0hdAQA2JYNMlJD52LP1wyaIWRUXWeHzqT/0_1-1.webp", '
    '"input_image_2": "https://replicate.delivery/pbxt/'
    'N7gRAK5kbPwdsbOpqgyAIOFQX45U6suTlbL6ws2N74SnGFpo/test.jpg", '
    '"output_format": "png", "safety_tolerance": 2}}'
)


@pytest.mark.conformance(11, 13, 23, 24, 25, 26)
@pytest.mark.parametrize("prefix", ["/v1", "/replicate/v1", "/v1/v1", "/replicate/v1/v1"])
async def test_the_first_documented_request_is_accepted_at_every_address(
    rig: Rig, prefix: str
) -> None:
    answer = await rig.client.post(f"{prefix}/predictions", content=IMG2IMG_BODY)

    shown = answer.json()
    assert answer.status_code == 201
    assert shown.keys() >= DOCUMENTED
    assert (shown["model"], shown["version"]) == (SD, SD_VERSION)
    assert (shown["status"], shown["logs"], shown["output"]) == ("starting", "", None)
    assert (shown["error"], shown["data_removed"]) == (None, False)
    assert re.fullmatch(r"[0-9a-hjkmnp-tv-z]{25}[048cgmrw]", shown["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", shown["created_at"])
    mount = prefix.removesuffix("/v1") if prefix.count("/v1") == 2 else prefix
    assert shown["urls"]["get"] == f"{ORIGIN}{mount}/predictions/{shown['id']}"
    assert answer.headers["location"] == shown["urls"]["get"]
    assert shown["urls"]["cancel"] == f"{shown['urls']['get']}/cancel"
    assert shown["urls"]["web"] == f"{ORIGIN}/p/{shown['id']}"
    assert shown["urls"]["stream"].startswith(f"{ORIGIN}/v1/files/")


@pytest.mark.conformance(18)
async def test_the_second_documented_request_is_accepted_and_its_version_hidden(rig: Rig) -> None:
    path = "/replicate/v1/models/flux-kontext-apps/multi-image-kontext-pro/predictions"
    answer = await rig.client.post(path, content=KONTEXT_BODY)

    assert answer.status_code == 201
    assert answer.json()["version"] == "hidden"


@pytest.mark.parametrize("version", [SD_VERSION, f"{SD}:{SD_VERSION}", SD])
async def test_a_version_may_be_named_in_three_ways(rig: Rig, version: str) -> None:
    input_ = {"image": "https://example.test/a.png"}
    answer = await rig.client.post("/v1/predictions", json={"version": version, "input": input_})

    assert answer.status_code == 201
    assert answer.json()["version"] == SD_VERSION


@pytest.mark.conformance(22)
async def test_the_input_is_echoed_as_sent_unknown_keys_too(rig: Rig) -> None:
    input_ = {"zebra": [1, {"a": None}], "image": "data:,x", "ms": 0}

    assert (await rig.create(input=input_))["input"] == input_


async def test_a_long_data_url_leaves_the_row_and_is_echoed_all_the_same(rig: Rig) -> None:
    rig.worker.join()
    url = "data:image/png;base64," + "A" * 40_000
    shown = await rig.create(input={"image": url})

    assert shown["input"] == {"image": url}
    (job,) = rig.worker.jobs
    assert "AAAA" not in job.input
    assert job.files[0].path == ["image"]
    assert await rig.blobs.get(job.files[0].key) == bytes(30_000)
    assert (await rig.get(shown["id"]))["input"] == {"image": url}


async def test_a_very_long_data_url_is_echoed_as_a_url_that_works(rig: Rig) -> None:
    url = "data:image/png;base64," + "A" * 200_000
    shown = await rig.create(input={"image": url})

    address = cast("dict[str, str]", shown["input"])["image"]
    answer = await rig.client.get(address)
    assert answer.status_code == 200
    assert answer.content == bytes(150_000)


async def test_the_callers_key_never_gets_into_the_store(rig: Rig) -> None:
    shown = await rig.create(input={"image": f"https://x.test/?key={KEY}", "x": [KEY]})

    assert shown["input"] == {"image": "[redacted]", "x": ["[redacted]"]}


@pytest.mark.conformance(29)
async def test_waiting_answers_with_the_output_when_the_run_ends(rig: Rig) -> None:
    rig.worker.join()
    body = {"version": "darkroom/echo", "input": {"image": "data:,x"}}
    creating = asyncio.create_task(
        rig.client.post("/v1/predictions", json=body, headers={"Prefer": "wait=5"})
    )
    await rig.worker.succeed(await rig.worker.job())
    answer = await creating

    shown = answer.json()
    assert answer.status_code == 201
    assert answer.headers["preference-applied"] == "wait=5"
    assert shown["status"] == "succeeded"
    assert shown["metrics"]["predict_time"] == 0.25
    assert shown["metrics"]["image_count"] == 1
    assert shown["metrics"]["total_time"] >= 0
    assert shown["started_at"]
    assert shown["completed_at"]
    assert (await rig.client.get(shown["output"])).content == PICTURE
    assert (await rig.get(shown["id"])) == shown


async def test_a_wait_that_expires_says_starting_although_the_model_runs(rig: Rig) -> None:
    rig.worker.join()
    body = {"version": "darkroom/echo", "input": {"image": "data:,x"}}
    creating = asyncio.create_task(
        rig.client.post("/v1/predictions", json=body, headers={"Prefer": "wait=1"})
    )
    rig.worker.tell(await rig.worker.job())
    answer = await creating

    assert answer.status_code == 202
    assert answer.json()["status"] == "starting"
    assert (await rig.get(answer.json()["id"]))["status"] == "processing"


@pytest.mark.conformance(33)
@pytest.mark.parametrize(
    "preference", ["wait=600", "wait=2.5", "wait=0", "wait=abc", "respond-async"]
)
async def test_odd_preferences_do_no_harm(rig: Rig, preference: str) -> None:
    rig.worker.join()
    body = {"version": "darkroom/echo", "input": {"image": "data:,x"}}
    creating = asyncio.create_task(
        rig.client.post("/v1/predictions", json=body, headers={"Prefer": preference})
    )
    await rig.worker.succeed(await rig.worker.job())

    assert (await creating).status_code == 201


@pytest.mark.conformance(34)
async def test_blocking_answers_carry_pictures_as_data_urls_where_asked(tmp_path: Path) -> None:
    async with open_rig(tmp_path, inline="auto") as rig:
        rig.worker.join()
        body = {"version": "darkroom/echo", "input": {"image": "data:,x"}}
        creating = asyncio.create_task(
            rig.client.post("/v1/predictions", json=body, headers={"Prefer": "wait"})
        )
        await rig.worker.succeed(await rig.worker.job())
        shown = (await creating).json()

        assert shown["output"].startswith("data:image/png;base64,iVBORw0KGgo")
        assert str((await rig.get(shown["id"]))["output"]).startswith(f"{ORIGIN}/files/")


async def test_what_finds_no_slot_waits_and_runs_in_order(rig: Rig) -> None:
    first, second = await rig.create(), await rig.create()
    rig.worker.join({"echo": 1})
    await rig.worker.succeed(await rig.worker.job())
    await rig.worker.job(1)

    assert [job.id for job in rig.worker.jobs] == [first["id"], second["id"]]


@pytest.mark.conformance(6, 39)
async def test_cancel_is_final_at_once_and_stops_the_run(rig: Rig) -> None:
    rig.worker.join()
    shown = await rig.create()
    (job,) = rig.worker.jobs
    answer = await rig.client.post(
        f"/v1/predictions/{shown['id']}/cancel", headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 200
    assert answer.json()["status"] == "canceled"
    assert answer.json()["completed_at"]
    assert [stop.id for stop in rig.worker.stops] == [shown["id"]]
    rig.worker.tell(job, await rig.worker.give_picture(job), ended=succeeded())
    await rig.settled()
    assert await rig.get(shown["id"]) == answer.json()


async def test_a_cancel_after_the_end_changes_nothing(rig: Rig) -> None:
    rig.worker.join()
    shown = await rig.create()
    rig.worker.tell(rig.worker.jobs[0], ended=failed("no luck"))
    await rig.settled()
    answer = await rig.client.post(f"/v1/predictions/{shown['id']}/cancel")

    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["error"]) == ("failed", "no luck")


async def test_a_lost_worker_means_another_attempt_and_three_mean_failure(rig: Rig) -> None:
    shown = await rig.create()
    for attempt in (1, 2, 3):
        rig.worker.join(name=f"w{attempt}")
        job = await rig.worker.job(attempt - 1)
        assert job.attempt == attempt
        rig.worker.tell(job)
        rig.worker.leave()
        await asyncio.sleep(0)
        await rig.settled()

    ended = await rig.get(shown["id"])
    assert ended["status"] == "failed"
    assert "3 times" in str(ended["error"])
    assert "Attempt 1 was lost: its worker went away. The prediction runs again." in str(
        ended["logs"]
    )


async def test_the_status_stays_processing_while_it_waits_to_run_again(rig: Rig) -> None:
    rig.worker.join()
    shown = await rig.create()
    rig.worker.tell(rig.worker.jobs[0])
    await rig.settled()
    started = (await rig.get(shown["id"]))["started_at"]
    rig.worker.leave()
    await asyncio.sleep(0)
    await rig.settled()

    again = await rig.get(shown["id"])
    assert (again["status"], again["started_at"]) == ("processing", started)


async def test_another_owner_sees_nothing(rig: Rig) -> None:
    shown = await rig.create()
    stranger = {"Authorization": f"Bearer {await rig.key_of('eve')}"}
    get = await rig.client.get(f"/v1/predictions/{shown['id']}", headers=stranger)
    cancel = await rig.client.post(f"/v1/predictions/{shown['id']}/cancel", headers=stranger)
    page = await rig.client.get("/v1/predictions", headers=stranger)

    assert (get.status_code, cancel.status_code) == (404, 404)
    assert get.json() == {"detail": "The requested resource could not be found.", "status": 404}
    assert page.json() == {"next": None, "previous": None, "results": []}


@pytest.mark.conformance(53, 54)
async def test_pages_cover_everything_once_in_both_directions(rig: Rig) -> None:
    made = [(await rig.create())["id"] for _ in range(205)]
    seen: list[str] = []
    url: str | None = "/v1/predictions"
    last = ""
    while url:
        last = url
        page = (await rig.client.get(url)).json()
        seen += [one["id"] for one in page["results"]]
        url = page["next"]
    assert seen == made[::-1]
    assert last.startswith(f"{ORIGIN}/v1/predictions?")

    back: list[str] = []
    url = (await rig.client.get(last)).json()["previous"]
    while url:
        page = (await rig.client.get(url)).json()
        back = [one["id"] for one in page["results"]] + back
        url = page["previous"]
    assert back == made[::-1][:200]


@pytest.mark.conformance(54)
async def test_lists_honour_times(rig: Rig) -> None:
    shown = await rig.create()
    at = str(shown["created_at"])
    inside = (await rig.client.get("/v1/predictions", params={"created_after": at})).json()
    before = (await rig.client.get("/v1/predictions", params={"created_before": at})).json()
    wrong = await rig.client.get("/v1/predictions", params={"created_before": "yesterday"})

    assert [one["id"] for one in inside["results"]] == [shown["id"]]
    assert before["results"] == []
    assert wrong.status_code == 400


async def test_a_deadline_ends_what_never_ran(rig: Rig) -> None:
    body = {"version": "darkroom/echo", "input": {"image": "data:,x"}}
    short = await rig.client.post("/v1/predictions", json=body, headers={"Cancel-After": "3"})
    taken = await rig.client.post("/v1/predictions", json=body, headers={"Cancel-After": "1m30s"})

    assert short.status_code == 422
    assert taken.status_code == 201
    assert taken.json()["deadline"] > taken.json()["created_at"]


@pytest.mark.parametrize(
    ("content", "status", "detail"),
    [
        (b"", 400, "Failed to parse request body as JSON: EOF"),
        (b'{"version"', 400, "Failed to parse request body as JSON: EOF"),
        (b"{nope}", 400, "Failed to parse request body as JSON"),
        (b'{"input": "\xff"}', 400, "Failed to parse request body as JSON"),
        (b"[" * 5000, 400, "Failed to parse request body as JSON"),
        (b"[]", 422, "Invalid type. Expected: object, given: array"),
        (b'{"input": {}}', 422, "version is required"),
        (b'{"version": "darkroom/nothing", "input": {}}', 422, "does not exist"),
        (b'{"version": "darkroom/echo:latest", "input": {}}', 422, "does not exist"),
        (b'{"version": "darkroom/echo", "input": {}}', 422, "image is required"),
        (b" " * (2**20 + 1), 413, "longer than"),
    ],
)
async def test_bad_bodies_get_the_wires_error(
    rig: Rig, content: bytes, status: int, detail: str
) -> None:
    answer = await rig.client.post("/v1/predictions", content=content)

    assert answer.status_code == status
    assert detail in answer.json()["detail"]
    assert answer.json()["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_every_fault_is_told_at_once(rig: Rig) -> None:
    body = {"version": SD, "model": "x", "input": {"num_outputs": 9, "scheduler": "K"}}
    answer = (await rig.client.post("/v1/predictions", json=body)).json()

    assert [one["type"] for one in answer["invalid_fields"]] == [
        "additional_property_not_allowed", "required", "number_lte", "enum",
    ]  # fmt: skip
    assert answer["detail"].count("\n") == 4
