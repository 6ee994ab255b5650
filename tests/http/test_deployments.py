"""Deployments: names for versions, their releases, and predictions made through them."""

import asyncio
import sqlite3
from collections.abc import Mapping
from typing import Any, cast

import httpx2
import pytest
from replicate.deployment import Deployment as ClientDeployment
from tests.support.rig import Rig

from darkroom.service.deployments import MOST_DEPLOYMENTS

ECHO = "darkroom/echo"
KONTEXT = "flux-kontext-apps/multi-image-kontext-pro"
IMAGE = {"image": "data:,x"}


async def version_of(rig: Rig, model: str) -> str:
    found = (await rig.client.get(f"/v1/models/{model}")).json()
    return str(found["latest_version"]["id"])


async def deploy(rig: Rig, **changes: object) -> httpx2.Response:
    model = str(changes.get("model", ECHO))
    body: dict[str, object] = {
        "name": "landscapes",
        "model": model,
        "version": await version_of(rig, model),
        "hardware": "cpu",
        "min_instances": 0,
        "max_instances": 1,
    }
    return await rig.client.post("/v1/deployments", json={**body, **changes})


def release_of(answer: httpx2.Response) -> dict[str, object]:
    assert answer.status_code == 200, answer.text
    return cast("dict[str, object]", answer.json()["current_release"])


def faults(answer: httpx2.Response) -> list[tuple[str, str, str]]:
    assert answer.status_code == 422, answer.text
    told = answer.json()["invalid_fields"]
    return [(one["type"], one["field"], one["description"]) for one in told]


async def test_a_deployment_is_shown_as_it_was_created(rig: Rig) -> None:
    created = await deploy(rig)
    release = release_of(created)

    assert created.json() == {
        "owner": "admin",
        "name": "landscapes",
        "current_release": {
            "number": 1,
            "model": ECHO,
            "version": await version_of(rig, ECHO),
            "created_at": release["created_at"],
            "created_by": {"type": "user", "username": "admin", "name": "admin"},
            "configuration": {"hardware": "cpu", "min_instances": 0, "max_instances": 1},
        },
    }
    got = await rig.client.get("/v1/deployments/admin/landscapes")
    assert got.json() == created.json()


async def test_the_vendors_client_parses_a_deployment(rig: Rig) -> None:
    parsed = cast("Any", ClientDeployment).parse_obj((await deploy(rig)).json())

    assert parsed.id == "admin/landscapes"
    assert parsed.current_release.created_by.name == "admin"
    assert parsed.current_release.configuration.max_instances == 1


async def test_all_six_fields_are_required(rig: Rig) -> None:
    answer = await rig.client.post("/v1/deployments", json={})

    names = ["name", "model", "version", "hardware", "min_instances", "max_instances"]
    assert faults(answer) == [("required", "", f"{name} is required") for name in names]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"min_instances": -1}, ("number_gte", "min_instances")),
        ({"min_instances": 6, "max_instances": 9}, ("number_lte", "min_instances")),
        ({"max_instances": 21}, ("number_lte", "max_instances")),
        ({"min_instances": 2, "max_instances": 1}, ("number_lte", "min_instances")),
        ({"min_instances": "1"}, ("invalid_type", "min_instances")),
        ({"min_instances": 0.5}, ("invalid_type", "min_instances")),
        ({"hardware": None}, ("invalid_type", "hardware")),
        ({"colour": 1}, ("additional_property_not_allowed", "")),
    ],
)
async def test_a_field_that_does_not_fit_is_named(
    rig: Rig, changes: Mapping[str, object], fault: tuple[str, str]
) -> None:
    assert [one[:2] for one in faults(await deploy(rig, **changes))] == [fault]


@pytest.mark.parametrize("name", ["", "a b", "-a", "a/b", "a" * 101])
async def test_a_name_that_fits_no_path_is_refused(rig: Rig, name: str) -> None:
    assert {one[1] for one in faults(await deploy(rig, name=name))} == {"name"}


async def test_whole_numbers_may_be_spelled_with_a_point(rig: Rig) -> None:
    release = release_of(await deploy(rig, max_instances=2.0))

    assert release["configuration"] == {"hardware": "cpu", "min_instances": 0, "max_instances": 2}


async def test_hardware_that_is_not_here_is_pointed_at_and_told_what_is(rig: Rig) -> None:
    answer = await deploy(rig, hardware="gpu-t4")

    assert answer.status_code == 400
    words = "gpu-t4 is not a valid hardware SKU. Your options are: cpu"
    assert answer.json() == {
        "status": 400,
        "title": "Validation failed",
        "detail": f"The following errors occurred:\n- hardware: {words}",
        "errors": [{"pointer": "/hardware", "detail": words}],
    }


@pytest.mark.parametrize(
    "wanted",
    [{"version": "f" * 64}, {"version": f"{ECHO}:latest"}, {"version": "darkroom/echo-text"}],
)
async def test_a_version_that_is_none_of_the_models_is_refused(
    rig: Rig, wanted: Mapping[str, object]
) -> None:
    answer = await deploy(rig, **wanted)

    assert answer.status_code == 422
    assert answer.json()["title"] == "Invalid version or not permitted"


async def test_a_model_that_is_not_here_is_refused_as_an_unknown_version(rig: Rig) -> None:
    version = await version_of(rig, ECHO)
    body = {"name": "a", "model": "acme/none", "version": version, "hardware": "cpu"}
    answer = await rig.client.post(
        "/v1/deployments", json={**body, "min_instances": 0, "max_instances": 1}
    )

    assert answer.status_code == 422
    assert answer.json()["title"] == "Invalid version or not permitted"


async def test_a_name_is_taken_once_by_each_owner(rig: Rig) -> None:
    await deploy(rig)
    again = await deploy(rig)
    theirs = {"Authorization": f"Bearer {await rig.key_of('ada')}"}
    body = {"name": "landscapes", "model": ECHO, "version": await version_of(rig, ECHO)}
    other = await rig.client.post(
        "/v1/deployments",
        json={**body, "hardware": "cpu", "min_instances": 0, "max_instances": 1},
        headers=theirs,
    )

    assert again.status_code == 409
    assert "already exists" in again.json()["detail"]
    assert "already exists" in again.json()["errors"][0]["detail"]
    assert other.json()["owner"] == "ada"


async def test_each_change_makes_a_release_and_keeps_what_it_does_not_name(rig: Rig) -> None:
    await deploy(rig)
    path = "/v1/deployments/admin/landscapes"
    second = release_of(await rig.client.patch(path, json={"max_instances": 5}))
    third = release_of(await rig.client.patch(path, json={"min_instances": 2}))
    same = release_of(await rig.client.patch(path, json={"hardware": "cpu"}))
    unchanged = release_of(await rig.client.patch(path, json={}))

    assert [one["number"] for one in (second, third, same, unchanged)] == [2, 3, 4, 4]
    assert third["configuration"] == {"hardware": "cpu", "min_instances": 2, "max_instances": 5}
    assert release_of(await rig.client.get(path)) == same


async def test_changes_at_once_are_made_one_after_the_other(rig: Rig) -> None:
    await deploy(rig, max_instances=20)
    path = "/v1/deployments/admin/landscapes"
    answers = await asyncio.gather(
        rig.client.patch(path, json={"min_instances": 3}),
        rig.client.patch(path, json={"max_instances": 7}),
    )

    assert {cast("int", release_of(one)["number"]) for one in answers} == {2, 3}
    release = release_of(await rig.client.get(path))
    assert release["configuration"] == {"hardware": "cpu", "min_instances": 3, "max_instances": 7}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"hardware": "gpu-t4"}, 400),
        ({"version": "darkroom/echo-text"}, 422),
        ({"min_instances": 5}, 422),
        ({"model": "darkroom/echo-text"}, 422),
        ({"name": "other"}, 422),
    ],
)
async def test_a_change_that_cannot_be_leaves_the_release_as_it_is(
    rig: Rig, change: Mapping[str, object], status: int
) -> None:
    before = release_of(await deploy(rig))
    answer = await rig.client.patch("/v1/deployments/admin/landscapes", json=change)

    assert answer.status_code == status
    assert release_of(await rig.client.get("/v1/deployments/admin/landscapes")) == before


@pytest.mark.conformance(52, 53)
async def test_lists_are_newest_first_and_go_on_in_both_directions(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darkroom.http.paging.PAGE_SIZE", 2)
    for n in range(5):
        await deploy(rig, name=f"d{n}")
    pages: list[list[str]] = []
    page = (await rig.client.get("/v1/deployments")).json()
    assert page["previous"] is None
    while True:
        pages.append([one["name"] for one in page["results"]])
        if page["next"] is None:
            break
        page = (await rig.client.get(page["next"])).json()
    back = (await rig.client.get(page["previous"])).json()

    assert pages == [["d4", "d3"], ["d2", "d1"], ["d0"]]
    assert [one["name"] for one in back["results"]] == ["d2", "d1"]
    assert (await rig.client.get("/v1/deployments?cursor=nonsense")).status_code == 404


async def test_an_owner_has_a_thousand_and_no_more(rig: Rig) -> None:
    connection = sqlite3.connect(rig.folder / "darkroom.db", isolation_level=None)
    connection.executemany(
        "insert into deployments values (?, 'admin', ?, 1)",
        [(f"d{n}", f"n{n}") for n in range(MOST_DEPLOYMENTS)],
    )
    refused = await deploy(rig)
    connection.execute("delete from deployments where name = 'n0'")
    connection.close()

    assert refused.status_code == 403
    assert "1000 deployments, which is the limit" in refused.json()["detail"]
    assert (await deploy(rig)).status_code == 200
    taken = await deploy(rig)
    assert (taken.status_code, "already exists" in taken.text) == (409, True)


async def test_nobody_else_sees_a_deployment_or_runs_it(rig: Rig) -> None:
    await deploy(rig)
    theirs = {"Authorization": f"Bearer {await rig.key_of('ada')}"}
    path = "/v1/deployments/admin/landscapes"
    answers = [
        await rig.client.get(path, headers=theirs),
        await rig.client.patch(path, json={"max_instances": 2}, headers=theirs),
        await rig.client.delete(path, headers=theirs),
        await rig.client.post(f"{path}/predictions", json={"input": IMAGE}, headers=theirs),
    ]
    listed = await rig.client.get("/v1/deployments", headers=theirs)

    assert [one.status_code for one in answers] == [404] * 4
    assert listed.json()["results"] == []
    assert release_of(await rig.client.get(path))["number"] == 1


@pytest.mark.conformance(20)
async def test_a_prediction_through_a_deployment_shows_its_model_version_and_name(rig: Rig) -> None:
    release = release_of(await deploy(rig))
    path = "/v1/deployments/admin/landscapes/predictions"
    created = await rig.client.post(path, json={"input": IMAGE})
    shown = created.json()

    assert created.status_code == 201
    assert (shown["model"], shown["version"]) == (ECHO, release["version"])
    assert shown["deployment"] == "admin/landscapes"
    assert created.headers["location"] == shown["urls"]["get"]
    assert (await rig.get(shown["id"]))["deployment"] == "admin/landscapes"
    assert [one["deployment"] for one in await rig.listed()] == ["admin/landscapes"]


async def test_an_official_models_version_stays_hidden_through_a_deployment(rig: Rig) -> None:
    await deploy(rig, model=KONTEXT)
    input_ = {"prompt": "both", "input_image_1": "data:,x", "input_image_2": "data:,y"}
    path = "/v1/deployments/admin/landscapes/predictions"
    shown = (await rig.client.post(path, json={"input": input_})).json()

    assert (shown["model"], shown["version"]) == (KONTEXT, "hidden")


async def test_a_prediction_through_a_deployment_can_be_waited_for(rig: Rig) -> None:
    rig.worker.join()
    await deploy(rig)
    path = "/v1/deployments/admin/landscapes/predictions"
    posting = asyncio.create_task(
        rig.client.post(path, json={"input": IMAGE}, headers={"Prefer": "wait"})
    )
    await rig.worker.succeed(await rig.worker.job())
    shown = (await posting).json()

    assert (shown["status"], shown["deployment"]) == ("succeeded", "admin/landscapes")


async def test_the_input_is_checked_against_the_deployed_version(rig: Rig) -> None:
    await deploy(rig)
    path = "/v1/deployments/admin/landscapes/predictions"
    missing = await rig.client.post(path, json={"input": {}})
    named = await rig.client.post(path, json={"input": IMAGE, "version": ECHO})

    assert faults(missing) == [("required", "input", "image is required")]
    assert [one[0] for one in faults(named)] == ["additional_property_not_allowed"]


async def test_other_predictions_tell_of_no_deployment(rig: Rig) -> None:
    assert "deployment" not in await rig.create()


@pytest.mark.conformance(7, 85)
async def test_a_deleted_deployment_is_gone_at_once_and_its_predictions_stay(rig: Rig) -> None:
    await deploy(rig)
    path = "/v1/deployments/admin/landscapes"
    made = (await rig.client.post(f"{path}/predictions", json={"input": IMAGE})).json()
    await rig.client.patch(path, json={"max_instances": 2})
    deleted = await rig.client.delete(path, headers={"Content-Type": "application/json"})

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await rig.client.get(path)).status_code == 404
    assert (await rig.client.delete(path)).status_code == 404
    assert (await rig.get(made["id"]))["deployment"] == "admin/landscapes"
    assert release_of(await deploy(rig))["number"] == 1
