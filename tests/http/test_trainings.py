"""Trainings: predictions of a trainer that make a version of the caller's own model."""

import asyncio
import json
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
from replicate.training import Training as ClientTraining
from replicate.version import Version as ClientVersion
from tests.support.hands import failed, succeeded
from tests.support.rig import ORIGIN, Rig, rig
from tests.support.vendor import parse

from darkroom.ports.webhooks import Answered, Message
from darkroom.protocol.messages import FileFact, Gave, Job, Know
from darkroom.service.catalogue import load_catalogue

BASE = load_catalogue({}).resolve("darkroom/echo-text")[1]
PATH = f"/v1/models/darkroom/echo-text/versions/{BASE.id}/trainings"
BODY = {"destination": "admin/greeter", "input": {"prefix": "Ahoy"}}
SLOTS = {"echo-text": 4, "echo-text-trainer": 4}


async def destination(rig: Rig, **changes: object) -> None:
    body = {"owner": "admin", "name": "greeter", "visibility": "private", "hardware": "cpu"}
    answer = await rig.client.post("/v1/models", json={**body, **changes})
    assert answer.status_code == 201, answer.text


async def started(rig: Rig, **changes: object) -> tuple[dict[str, Any], Job]:
    """A training of `admin/greeter`, and its job."""
    await destination(rig)
    rig.worker.join(SLOTS)
    answer = await rig.client.post(PATH, json={**BODY, **changes})
    assert answer.status_code == 201, answer.text
    return answer.json(), await rig.worker.job()


async def trained(rig: Rig, job: Job, prefix: str = "Ahoy") -> None:
    """End a job as the trainer does."""
    told = json.dumps({"prefix": prefix})
    key = f"predictions/{job.id}/{job.attempt}/0"
    await rig.blobs.put(key, told.encode())
    weights = FileFact(key=key, name="weights.json", content_type="application/json",
                       size_bytes=len(told), sha256="0" * 64)  # fmt: skip
    rig.worker.tell(job, Gave(0, weights), Gave(1, None, json.dumps(told)), ended=succeeded())
    await rig.settled()


async def got(rig: Rig, path: str) -> dict[str, Any]:
    answer = await rig.client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def problem(answer: httpx2.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.mark.conformance(87)
async def test_a_training_is_a_prediction_under_both_addresses(rig: Rig) -> None:
    made, job = await started(rig)
    id_ = made["id"]
    plain = f"{ORIGIN}/v1/predictions/{id_}"

    assert (made["status"], made["output"], made["logs"]) == ("starting", None, "")
    assert (made["model"], made["version"]) == ("darkroom/echo-text", BASE.id)
    assert made["input"] == {"prefix": "Ahoy"}
    assert made["urls"] == {
        "get": plain,
        "cancel": f"{plain}/cancel",
        "web": f"{ORIGIN}/p/{id_}",
    }
    assert made["webhook_completed"] is None

    shown = await got(rig, f"/v1/trainings/{id_}")
    assert shown["urls"]["get"] == f"{ORIGIN}/v1/trainings/{id_}"
    assert shown["urls"]["cancel"] == f"{ORIGIN}/v1/trainings/{id_}/cancel"
    assert {**shown, "urls": made["urls"]} == await got(rig, f"/v1/predictions/{id_}")

    await trained(rig, job)
    for path in (f"/v1/trainings/{id_}", f"/v1/predictions/{id_}"):
        shown = await got(rig, path)
        assert shown["status"] == "succeeded"
        assert shown["version"] == BASE.id
        output = cast("dict[str, str]", shown["output"])
        assert set(output) == {"version", "weights"}
        parsed = parse(ClientTraining, shown)
        assert isinstance(parsed.output, dict)
        weights = await rig.client.get(output["weights"])
        assert weights.json() == {"prefix": "Ahoy"}


@pytest.mark.conformance(87)
@pytest.mark.parametrize("noun", ["trainings", "predictions"])
async def test_a_training_is_canceled_under_both_addresses(rig: Rig, noun: str) -> None:
    made, job = await started(rig)
    answer = await rig.client.post(f"/v1/{noun}/{made['id']}/cancel")

    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["status"], shown["output"]) == ("canceled", None)
    assert shown["completed_at"]
    assert rig.worker.stops[0].id == job.id
    await trained(rig, job)  # too late
    assert await got(rig, f"/v1/{noun}/{made['id']}") == shown
    assert (await got(rig, "/v1/models/admin/greeter"))["latest_version"] is None


async def test_the_new_version_is_listed_read_and_run_with_what_was_learned(rig: Rig) -> None:
    made, job = await started(rig)
    await trained(rig, job)
    output = (await got(rig, f"/v1/trainings/{made['id']}"))["output"]
    path, _, id_ = output["version"].partition(":")

    assert path == "admin/greeter"
    (listed,) = (await got(rig, f"/v1/models/{path}/versions"))["results"]
    assert parse(ClientVersion, listed).id == id_
    assert (await got(rig, f"/v1/models/{path}"))["latest_version"] == listed
    assert set(listed["openapi_schema"]["components"]["schemas"]["Input"]["properties"]) == {
        "prompt",
        "ms",
    }
    for number, version in enumerate((output["version"], id_, path), start=1):
        body = {"version": version, "input": {"prompt": "captain"}}
        answer = await rig.client.post("/v1/predictions", json=body)
        assert answer.json()["version"] == id_, answer.text
        assert (await rig.worker.job(number)).version == id_
    (known,) = [one.version for one in rig.worker.sent if isinstance(one, Know)
                and one.version.id == id_]  # fmt: skip
    assert (known.kind, known.config) == ("echo-text", {"prefix": "Ahoy"})


async def test_a_trained_version_is_there_after_a_restart(tmp_path: Path) -> None:
    async with rig(tmp_path) as before:
        made, job = await started(before)
        await trained(before, job)
        path = f"/v1/trainings/{made['id']}"
        shown, model = await got(before, path), await got(before, "/v1/models/admin/greeter")
    async with rig(tmp_path) as after:
        assert await got(after, path) == shown
        assert await got(after, "/v1/models/admin/greeter") == model
        body = {"version": shown["output"]["version"], "input": {"prompt": "captain"}}
        assert (await after.client.post("/v1/predictions", json=body)).status_code == 201


async def test_a_second_training_makes_a_second_version_the_newest_first(rig: Rig) -> None:
    made, job = await started(rig)
    await trained(rig, job)
    second = (await rig.client.post(PATH, json=BODY)).json()
    await trained(rig, await rig.worker.job(1))

    ids = [
        (await got(rig, f"/v1/trainings/{one['id']}"))["output"]["version"].partition(":")[2]
        for one in (second, made)
    ]
    listed = (await got(rig, "/v1/models/admin/greeter/versions"))["results"]
    assert [one["id"] for one in listed] == ids


async def test_a_training_that_fails_makes_no_version(rig: Rig) -> None:
    made, job = await started(rig)
    rig.worker.tell(job, ended=failed("no text"))
    await rig.settled()

    shown = await got(rig, f"/v1/trainings/{made['id']}")
    assert (shown["status"], shown["error"], shown["output"]) == ("failed", "no text", None)
    assert (await got(rig, "/v1/models/admin/greeter"))["latest_version"] is None


async def test_a_trainer_that_tells_no_configuration_ends_as_failed_at_once(rig: Rig) -> None:
    made, job = await started(rig)
    rig.worker.tell(job, Gave(0, None, '"no json"'), ended=succeeded())
    await rig.settled()

    shown = await got(rig, f"/v1/trainings/{made['id']}")
    assert (shown["status"], shown["output"]) == ("failed", None)
    assert shown["error"] == "the trainer gave no configuration as its last text"
    assert (await got(rig, "/v1/models/admin/greeter"))["latest_version"] is None


@pytest.mark.conformance(52)
async def test_lists_keep_trainings_and_predictions_apart(rig: Rig) -> None:
    made, _job = await started(rig)
    prediction = await rig.create()

    trainings = await got(rig, "/v1/trainings")
    assert [one["id"] for one in trainings["results"]] == [made["id"]]
    assert trainings["results"][0] == await got(rig, f"/v1/trainings/{made['id']}")
    assert (trainings["next"], trainings["previous"]) == (None, None)
    assert [one["id"] for one in await rig.listed()] == [prediction["id"]]
    assert problem(await rig.client.get(f"/v1/trainings/{prediction['id']}"), 404)
    assert problem(await rig.client.post(f"/v1/trainings/{prediction['id']}/cancel"), 404)
    other = {"Authorization": f"Bearer {await rig.key_of('bob')}"}
    assert problem(await rig.client.get(f"/v1/trainings/{made['id']}", headers=other), 404)


async def test_a_destination_that_is_not_ones_own_model_is_404_in_the_wires_words(rig: Rig) -> None:
    bob = {"Authorization": f"Bearer {await rig.key_of('bob')}"}
    await destination(rig, visibility="public")
    for wanted in ("bob/nothing", "admin/greeter", "darkroom/echo", "nonsense", ""):
        answer = await rig.client.post(PATH, json={**BODY, "destination": wanted}, headers=bob)
        assert problem(answer, 404) == {
            "detail": "The specified training destination does not exist",
            "status": 404,
        }


async def test_a_version_without_a_trainer_says_what_could_be_done(rig: Rig) -> None:
    await destination(rig)
    latest = (await got(rig, "/v1/models/darkroom/echo"))["latest_version"]["id"]
    path = f"/v1/models/darkroom/echo/versions/{latest}/trainings"
    detail = problem(await rig.client.post(path, json=BODY), 400)["detail"]
    assert "declares no trainer" in detail
    assert "TrainingInput" in detail


async def test_an_unknown_version_cannot_be_trained(rig: Rig) -> None:
    path = f"/v1/models/darkroom/echo-text/versions/{'0' * 64}/trainings"
    assert problem(await rig.client.post(path, json=BODY), 404)


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({**BODY, "input": {}}, [("required", "input", "prefix is required")]),
        ({**BODY, "input": {"prefix": 3}}, [
            ("invalid_type", "input.prefix", "Invalid type. Expected: string, given: integer")]),
        ({"input": {"prefix": "x"}}, [("required", "", "destination is required")]),
        ({"destination": 3}, [
            ("invalid_type", "destination", "Invalid type. Expected: string, given: integer"),
            ("required", "", "input is required")]),
        ({**BODY, "version": "x"}, [
            ("additional_property_not_allowed", "", "Additional property version is not allowed")]),
    ],
)  # fmt: skip
async def test_faults_of_a_body_are_told_in_the_words_of_predictions(
    rig: Rig, body: dict[str, object], faults: list[tuple[str, str, str]]
) -> None:
    await destination(rig)
    told = problem(await rig.client.post(PATH, json=body), 422)["invalid_fields"]
    assert [(one["type"], one["field"], one["description"]) for one in told] == faults


async def test_a_trainer_is_no_version_that_can_be_run(rig: Rig) -> None:
    assert BASE.trainer is not None
    for version in (BASE.trainer.id, f"darkroom/echo-text:{BASE.trainer.id}"):
        body = {"version": version, "input": {"prefix": "x"}}
        assert problem(await rig.client.post("/v1/predictions", json=body), 422)
    shown = await rig.client.get(f"/v1/models/darkroom/echo-text/versions/{BASE.trainer.id}")
    assert shown.status_code == 404


async def test_a_schema_tells_the_inputs_of_trainings_where_there_is_a_trainer(rig: Rig) -> None:
    def schemas(model: dict[str, Any]) -> dict[str, Any]:
        return model["latest_version"]["openapi_schema"]["components"]["schemas"]

    trainable = schemas(await got(rig, "/v1/models/darkroom/echo-text"))
    assert trainable["TrainingInput"]["required"] == ["prefix"]
    assert trainable["TrainingInput"]["properties"]["prefix"]["x-order"] == 0
    assert set(trainable["TrainingOutput"]["properties"]) == {"version", "weights"}
    assert "TrainingInput" not in schemas(await got(rig, "/v1/models/darkroom/echo"))


async def test_a_waiting_client_gets_the_version(rig: Rig) -> None:
    await destination(rig)
    rig.worker.join(SLOTS)

    waiting = asyncio.create_task(rig.client.post(PATH, json=BODY, headers={"Prefer": "wait"}))
    await trained(rig, await rig.worker.job())
    answer = await waiting
    assert answer.status_code == 201
    assert answer.json()["output"]["version"].startswith("admin/greeter:")


async def test_a_model_that_is_being_trained_or_has_versions_is_not_deleted(rig: Rig) -> None:
    _made, job = await started(rig)
    going = problem(await rig.client.delete("/v1/models/admin/greeter"), 422)
    assert "A training makes a version" in going["detail"]
    await trained(rig, job)
    id_ = (await got(rig, "/v1/models/admin/greeter"))["latest_version"]["id"]
    needed = problem(await rig.client.delete("/v1/models/admin/greeter"), 422)
    assert id_ in needed["detail"]


@pytest.mark.conformance(7, 85)
async def test_a_trained_version_is_deleted_and_stays_so(tmp_path: Path) -> None:
    async with rig(tmp_path) as before:
        made, job = await started(before)
        await trained(before, job)
        id_ = (await got(before, "/v1/models/admin/greeter"))["latest_version"]["id"]
        run = {"version": id_, "input": {"prompt": "x"}}
        ran = (await before.client.post("/v1/predictions", json=run)).json()
        path = f"/v1/models/admin/greeter/versions/{id_}"
        answer = await before.client.delete(path, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.content) == (202, b"")
        assert problem(await before.client.get(path), 404)
        assert problem(await before.client.delete(path), 404)
        refused = problem(await before.client.post("/v1/predictions", json=run), 422)
        assert refused["title"] == "Invalid version or not permitted"
        told = await got(before, f"/v1/predictions/{ran['id']}")
        assert told["urls"] == ran["urls"]
    async with rig(tmp_path) as after:
        assert problem(await after.client.post("/v1/predictions", json=run), 422)
        assert (await got(after, "/v1/models/admin/greeter"))["latest_version"] is None
        assert (await got(after, f"/v1/predictions/{ran['id']}"))["urls"] == ran["urls"]
        assert (await got(after, f"/v1/trainings/{made['id']}"))["output"]["version"].endswith(id_)
        assert (await after.client.delete("/v1/models/admin/greeter")).status_code == 204
        assert (await got(after, f"/v1/predictions/{ran['id']}"))["urls"] == ran["urls"]
    async with rig(tmp_path) as last:
        assert (await got(last, f"/v1/predictions/{ran['id']}"))["urls"] == ran["urls"]


async def test_a_prediction_that_waits_for_a_deleted_version_still_runs(rig: Rig) -> None:
    _made, job = await started(rig)
    await trained(rig, job)
    rig.worker.leave()
    id_ = (await got(rig, "/v1/models/admin/greeter"))["latest_version"]["id"]
    run = {"version": id_, "input": {"prompt": "x"}}
    waits = (await rig.client.post("/v1/predictions", json=run)).json()
    assert (await rig.client.delete(f"/v1/models/admin/greeter/versions/{id_}")).status_code == 202
    rig.worker.join(SLOTS)
    assert (await rig.worker.job(1)).id == waits["id"]


async def test_a_version_that_others_have_run_or_deployed_stays(rig: Rig) -> None:
    _made, job = await started(rig)
    await trained(rig, job)
    id_ = (await got(rig, "/v1/models/admin/greeter"))["latest_version"]["id"]
    path = f"/v1/models/admin/greeter/versions/{id_}"
    deployment = {"name": "hello", "model": "admin/greeter", "version": id_, "hardware": "cpu",
                  "min_instances": 0, "max_instances": 1}  # fmt: skip
    assert (await rig.client.post("/v1/deployments", json=deployment)).status_code == 200
    assert "deployment" in problem(await rig.client.delete(path), 422)["detail"]
    assert (await rig.client.delete("/v1/deployments/admin/hello")).status_code == 204

    bob = {"Authorization": f"Bearer {await rig.key_of('bob')}"}
    run = {"version": id_, "input": {"prompt": "x"}}
    assert problem(await rig.client.post("/v1/predictions", json=run, headers=bob), 422)
    await rig.client.patch("/v1/models/admin/greeter", json={"visibility": "public"})
    assert (await rig.client.post("/v1/predictions", json=run, headers=bob)).status_code == 201
    assert "Others have run" in problem(await rig.client.delete(path), 422)["detail"]
    assert problem(await rig.client.delete(path, headers=bob), 403)


class Kept:
    """A poster that keeps what it is given."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def post(self, message: Message) -> Answered:
        self.bodies.append(message.body)
        return Answered(200)


async def test_a_webhook_carries_the_training_as_its_own_address_shows_it(tmp_path: Path) -> None:
    poster = Kept()
    async with rig(tmp_path, poster=poster) as here:
        hook = {"webhook": "https://hooks.test/x", "webhook_events_filter": ["completed"]}
        made, job = await started(here, **hook)
        await trained(here, job)
        await here.deliveries.once()
        await here.deliveries.settled()

        (body,) = poster.bodies
        assert json.loads(body) == await got(here, f"/v1/trainings/{made['id']}")


async def test_the_page_of_a_training_shows_what_it_made(rig: Rig) -> None:
    made, job = await started(rig)
    assert (await rig.client.get(f"/p/{made['id']}")).status_code == 200
    await trained(rig, job)
    page = await rig.client.get(f"/p/{made['id']}")
    assert page.status_code == 200
    assert "admin/greeter:" in page.text


async def test_a_repeated_training_with_an_idempotency_key_is_the_same(rig: Rig) -> None:
    await destination(rig)
    key = {"Idempotency-Key": "once"}
    first = await rig.client.post(PATH, json=BODY, headers=key)
    second = await rig.client.post(PATH, json=BODY, headers=key)
    assert first.status_code == second.status_code == 201
    assert first.json()["id"] == second.json()["id"]
    assert len((await got(rig, "/v1/trainings"))["results"]) == 1
