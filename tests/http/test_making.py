"""Owners make, change and delete models over the API, and nobody else's."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest
from replicate.model import Model as ClientModel
from tests.support.rig import ORIGIN, Rig, rig
from tests.support.vendor import parse

from darkroom.service import models

WANTED = {"owner": "ada", "name": "greeter", "visibility": "private", "hardware": "cpu"}
ECHO = "/v1/models/darkroom/echo"


async def key(rig: Rig, owner: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {await rig.key_of(owner)}"}


async def made(rig: Rig, ada: dict[str, str], **changes: object) -> dict[str, Any]:
    answer = await rig.client.post("/v1/models", json={**WANTED, **changes}, headers=ada)
    assert answer.status_code == 201, answer.text
    return answer.json()


def told(answer: httpx2.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    return answer.json()


async def test_a_new_model_is_empty_and_the_vendors_client_reads_it(rig: Rig) -> None:
    shown = await made(rig, await key(rig, "ada"), description="Says hello.", github_url=None)

    parsed = parse(ClientModel, shown)
    assert (parsed.id, parsed.visibility, parsed.run_count) == ("ada/greeter", "private", 0)
    assert parsed.latest_version is None
    assert shown["url"] == f"{ORIGIN}/ada/greeter"
    assert shown["description"] == "Says hello."
    assert str(shown["created_at"]).endswith("Z")


@pytest.mark.conformance(86)
async def test_a_second_model_of_that_name_is_409_in_the_wires_words(rig: Rig) -> None:
    ada = await key(rig, "ada")
    await made(rig, ada)
    problem = told(await rig.client.post("/v1/models", json=WANTED, headers=ada), 409)

    words = "A model with that name and owner already exists."
    assert words in problem["detail"]
    assert problem["errors"][0]["detail"] == words


@pytest.mark.conformance(86)
async def test_hardware_that_is_not_there_is_400_with_a_pointer(rig: Rig) -> None:
    body = {**WANTED, "owner": "admin", "hardware": "gpu-t4"}
    problem = told(await rig.client.post("/v1/models", json=body), 400)

    words = "gpu-t4 is not a valid hardware SKU. Your options are: cpu"
    assert problem["title"] == "Validation failed"
    assert problem["detail"] == f"The following errors occurred:\n- hardware: {words}"
    assert problem["errors"] == [{"pointer": "/hardware", "detail": words}]


async def test_missing_and_wrong_fields_are_told_together(rig: Rig) -> None:
    body = {"name": "-x", "visibility": "secret", "hardware": "cpu", "color": "red"}
    problem = told(await rig.client.post("/v1/models", json=body), 422)

    assert problem["title"] == "Input validation failed"
    faults = {(one["type"], one["field"]) for one in problem["invalid_fields"]}
    assert faults == {
        ("required", ""),
        ("additional_property_not_allowed", ""),
        ("pattern", "name"),
        ("enum", "visibility"),
    }


@pytest.mark.parametrize("url", ["javascript:alert(1)", "ftp://x", "x"])
async def test_a_link_is_an_address_of_the_web(rig: Rig, url: str) -> None:
    body = {**WANTED, "owner": "admin", "github_url": url}
    problem = told(await rig.client.post("/v1/models", json=body), 422)
    assert [one["field"] for one in problem["invalid_fields"]] == ["github_url"]


async def test_only_an_admin_makes_models_of_others(rig: Rig) -> None:
    problem = told(
        await rig.client.post("/v1/models", json=WANTED, headers=await key(rig, "bob")), 403
    )
    assert "ada" in problem["detail"]
    assert "bob" in problem["detail"]

    assert (await rig.client.post("/v1/models", json=WANTED)).status_code == 201
    own = await rig.client.get("/v1/models/ada/greeter", headers=await key(rig, "ada"))
    assert own.status_code == 200


async def test_an_owner_has_so_many_models_and_no_more(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "MOST_MODELS", 2)
    ada = await key(rig, "ada")
    for name in ("one", "two"):
        await made(rig, ada, name=name)
    problem = told(
        await rig.client.post("/v1/models", json={**WANTED, "name": "three"}, headers=ada), 403
    )
    assert "Delete one first" in problem["detail"]


async def test_a_private_model_is_there_for_its_owner_alone(rig: Rig) -> None:
    ada, bob = await key(rig, "ada"), await key(rig, "bob")
    await made(rig, ada)
    paths = ["", "/readme", "/versions", "/examples", "/predictions"]
    for path in paths:
        method = "POST" if path == "/predictions" else "GET"
        answer = await rig.client.request(
            method, f"/v1/models/ada/greeter{path}", json={"input": {}}, headers=bob
        )
        assert told(answer, 404)["detail"] == "The requested resource could not be found."
    change = await rig.client.patch("/v1/models/ada/greeter", json={}, headers=bob)
    assert change.status_code == 404

    def names(page: httpx2.Response) -> list[str]:
        return [one["name"] for one in page.json()["results"]]

    assert "greeter" in names(await rig.client.get("/v1/models", headers=ada))
    assert "greeter" not in names(await rig.client.get("/v1/models", headers=bob))
    assert "greeter" not in (await rig.client.get("/")).text


async def test_a_model_without_versions_says_so_when_it_is_run(rig: Rig) -> None:
    ada = await key(rig, "ada")
    await made(rig, ada)
    body = {"input": {"prompt": "hi"}}
    by_path = await rig.client.post("/v1/models/ada/greeter/predictions", json=body, headers=ada)
    assert "no version yet" in told(by_path, 422)["detail"]
    named = {**body, "version": "ada/greeter"}
    assert told(await rig.client.post("/v1/predictions", json=named, headers=ada), 422)


async def test_a_change_keeps_what_it_does_not_name_and_null_empties(rig: Rig) -> None:
    ada = await key(rig, "ada")
    await made(rig, ada, description="one", paper_url="https://a.test/p")
    path = "/v1/models/ada/greeter"
    assert (await rig.client.get(f"{path}/readme", headers=ada)).status_code == 404

    change = {"readme": "# hi", "weights_url": "https://a.test/w", "paper_url": None}
    changed = await rig.client.patch(path, json=change, headers=ada)

    assert changed.status_code == 200
    shown = changed.json()
    assert (shown["description"], shown["paper_url"]) == ("one", None)
    assert shown["weights_url"] == "https://a.test/w"
    assert (await rig.client.get(f"{path}/readme", headers=ada)).text == "# hi"
    assert (await rig.client.get(path, headers=ada)).json() == shown


async def test_changes_at_the_same_time_are_all_kept(rig: Rig) -> None:
    ada = await key(rig, "ada")
    await made(rig, ada)
    path = "/v1/models/ada/greeter"
    changes = [{"description": "one"}, {"readme": "# two"}, {"paper_url": "https://a.test/three"}]
    answers = await asyncio.gather(
        *[rig.client.patch(path, json=change, headers=ada) for change in changes]
    )

    assert [one.status_code for one in answers] == [200, 200, 200]
    shown = (await rig.client.get(path, headers=ada)).json()
    assert (shown["description"], shown["paper_url"]) == ("one", "https://a.test/three")
    assert (await rig.client.get(f"{path}/readme", headers=ada)).text == "# two"


async def test_name_owner_and_hardware_cannot_be_changed(rig: Rig) -> None:
    ada = await key(rig, "ada")
    await made(rig, ada)
    change = {"name": "x", "owner": "y", "hardware": "cpu"}
    answer = await rig.client.patch("/v1/models/ada/greeter", json=change, headers=ada)
    faults = told(answer, 422)["invalid_fields"]
    assert {one["type"] for one in faults} == {"additional_property_not_allowed"}


@pytest.mark.conformance(7, 85)
async def test_a_private_model_without_versions_is_deleted(rig: Rig) -> None:
    ada = await key(rig, "ada")
    await made(rig, ada)
    headers = {**ada, "Content-Type": "application/json"}
    answer = await rig.client.delete("/v1/models/ada/greeter", headers=headers)

    assert (answer.status_code, answer.content) == (204, b"")
    assert (await rig.client.get("/v1/models/ada/greeter", headers=ada)).status_code == 404
    await made(rig, ada)  # the name is free again


async def test_a_public_model_becomes_private_before_it_is_deleted(rig: Rig) -> None:
    ada, bob = await key(rig, "ada"), await key(rig, "bob")
    await made(rig, ada, visibility="public")
    path = "/v1/models/ada/greeter"
    assert (await rig.client.get(path, headers=bob)).status_code == 200
    assert "belongs to ada" in told(await rig.client.delete(path, headers=bob), 403)["detail"]
    assert "PATCH" in told(await rig.client.delete(path, headers=ada), 422)["detail"]

    await rig.client.patch(path, json={"visibility": "private"}, headers=ada)
    assert (await rig.client.delete(path, headers=ada)).status_code == 204


async def test_what_ships_is_changed_by_the_operator_alone(rig: Rig) -> None:
    house = await key(rig, "darkroom")
    version = (await rig.client.get(ECHO)).json()["latest_version"]["id"]
    for method, path, body in (
        ("PATCH", ECHO, {"readme": "mine"}),
        ("DELETE", ECHO, None),
        ("DELETE", f"{ECHO}/versions/{version}", None),
    ):
        answer = await rig.client.request(method, path, json=body, headers=house)
        assert "ships with this server" in told(answer, 403)["detail"]
    others = await rig.client.delete(f"{ECHO}/versions/{version}")
    assert "belongs to darkroom" in told(others, 403)["detail"]


async def test_models_are_there_after_a_restart_and_deleted_ones_are_not(tmp_path: Path) -> None:
    async with rig(tmp_path) as before:
        for name in ("kept", "gone"):
            await made(before, {}, owner="admin", name=name)
        change = {"description": "changed"}
        await before.client.patch("/v1/models/admin/kept", json=change)
        shown = (await before.client.get("/v1/models/admin/kept")).json()
        await before.client.delete("/v1/models/admin/gone")
    async with rig(tmp_path) as after:
        assert (await after.client.get("/v1/models/admin/kept")).json() == shown
        assert shown["description"] == "changed"
        assert (await after.client.get("/v1/models/admin/gone")).status_code == 404


@pytest.mark.conformance(55)
async def test_models_without_versions_come_last_unless_sorted_by_their_own_age(rig: Rig) -> None:
    await made(rig, {}, owner="admin")

    async def names(query: str) -> list[str]:
        page = await rig.client.get(f"/v1/models?{query}")
        return [one["name"] for one in page.json()["results"]]

    newest = await names("")
    assert newest[-1] == "greeter"
    assert await names("sort_direction=asc") == newest[::-1]
    oldest = await names("sort_by=model_created_at&sort_direction=asc")
    assert oldest[0] == "echo-text"
    assert (await names("sort_by=model_created_at")) == oldest[::-1]


async def test_runs_are_counted_also_after_a_restart(tmp_path: Path) -> None:
    async with rig(tmp_path) as before:
        for _ in range(3):
            await before.create()
        assert (await before.client.get(ECHO)).json()["run_count"] == 3
    async with rig(tmp_path) as after:
        await after.create()
        assert (await after.client.get(ECHO)).json()["run_count"] == 4
        assert (await after.client.get("/v1/models/darkroom/echo-text")).json()["run_count"] == 0
