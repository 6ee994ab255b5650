"""Search finds models by words, however the words are sent, and needs no key where it says so."""

from collections.abc import Awaitable
from pathlib import Path

import httpx2
import pytest
from tests.support.limits import Limits
from tests.support.rig import KEY, Rig
from tests.support.rig import rig as open_rig

WANTED = {"owner": "admin", "visibility": "private", "hardware": "cpu"}


@pytest.mark.conformance(56)
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", "streams echo-text"),
        ("text/plain", '"streams echo-text"'),
        ("application/json", '"streams echo-text"'),
    ],
)
async def test_a_query_is_taken_raw_and_quoted(rig: Rig, content_type: str, body: str) -> None:
    headers = {"Content-Type": content_type}
    answer = await rig.client.request("QUERY", "/v1/models", content=body, headers=headers)

    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert (page["next"], page["previous"]) == (None, None)
    assert page["results"][0]["name"] == "echo-text"
    assert "stable-diffusion-img2img" not in [one["name"] for one in page["results"]]


async def test_a_query_shows_at_most_25_of_the_models_its_caller_sees(rig: Rig) -> None:
    for n in range(27):
        await rig.client.post("/v1/models", json={**WANTED, "name": f"greeter-{n}"})
    bob = {"Authorization": f"Bearer {await rig.key_of('bob')}"}

    own = await rig.client.request("QUERY", "/v1/models", content="greeter")
    assert len(own.json()["results"]) == 25
    others = await rig.client.request("QUERY", "/v1/models", content="greeter", headers=bob)
    assert others.json()["results"] == []


async def test_a_query_that_is_no_text_is_refused(rig: Rig) -> None:
    answer = await rig.client.request("QUERY", "/v1/models", content=b"\xff")
    assert answer.status_code == 400
    assert "UTF-8" in answer.json()["detail"]


async def test_an_empty_query_finds_everything(rig: Rig) -> None:
    listed = (await rig.client.get("/v1/models")).json()["results"]
    found = await rig.client.request("QUERY", "/v1/models", content="")
    assert found.json()["results"] == listed


@pytest.mark.conformance(88)
async def test_search_needs_no_key_and_shows_public_models(rig: Rig) -> None:
    await rig.client.post("/v1/models", json={**WANTED, "name": "secret-kontext"})
    rig.client.headers.pop("Authorization")
    answer = await rig.client.get("/v1/search?query=kontext&limit=1")

    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert set(found) == {"query", "models", "collections", "pages"}
    (hit,) = found["models"]
    assert hit["model"]["owner"] in {"flux-kontext-apps", "black-forest-labs"}
    assert set(hit["metadata"]) == {"generated_description", "tags", "score"}
    assert 0 < hit["metadata"]["score"] <= 1
    assert found["collections"][0]["slug"] == "built-in"
    assert all(isinstance(one, str) for one in found["collections"][0]["models"])
    assert found["pages"] == []
    nothing = (await rig.client.get("/v1/search?query=secret-kontext")).json()
    assert [one["model"]["name"] for one in nothing["models"]] == []


async def test_a_search_without_a_query_is_400_in_the_wires_words(rig: Rig) -> None:
    answer = await rig.client.get("/v1/search")
    assert answer.status_code == 400
    assert answer.json() == {"detail": 'Query parameter "query" is required', "status": 400}


@pytest.mark.parametrize(
    "limit", ["0", "51", "x", "-1", "00000000199", "000000001" + "9" * 5000, "٣"]
)
async def test_a_limit_is_a_number_from_1_to_50(rig: Rig, limit: str) -> None:
    answer = await rig.client.get("/v1/search", params={"query": "echo", "limit": limit})
    assert answer.status_code == 422
    assert answer.json()["invalid_fields"][0]["field"] == "limit"


@pytest.mark.conformance(52, 88)
async def test_hardware_is_a_bare_list_and_the_other_lists_are_pages(rig: Rig) -> None:
    assert (await rig.client.get("/v1/hardware")).json() == [{"sku": "cpu", "name": "CPU"}]
    echo = "/v1/models/darkroom/echo"
    lists = ["predictions", "trainings", "models", "deployments", "files", "collections"]
    for path in [*(f"/v1/{name}" for name in lists), f"{echo}/versions", f"{echo}/examples"]:
        answer = await rig.client.get(path)
        assert answer.status_code == 200, path
        assert set(answer.json()) == {"next", "previous", "results"}, path


@pytest.mark.conformance(88)
async def test_the_one_collection_holds_what_ships(rig: Rig) -> None:
    await rig.client.post("/v1/models", json={**WANTED, "visibility": "public", "name": "mine"})
    (listed,) = (await rig.client.get("/v1/collections")).json()["results"]
    collection = (await rig.client.get(f"/v1/collections/{listed['slug']}")).json()

    assert listed["slug"] == "built-in"
    assert listed["description"]
    assert collection["full_description"]
    names = [one["name"] for one in collection["models"]]
    assert len(names) == 5
    assert "mine" not in names
    assert (await rig.client.get("/v1/collections/other")).status_code == 404


async def test_a_query_has_at_most_a_thousand_characters(rig: Rig) -> None:
    def asked(query: str) -> tuple[Awaitable[httpx2.Response], Awaitable[httpx2.Response]]:
        return (
            rig.client.get("/v1/search", params={"query": query}),
            rig.client.request("QUERY", "/v1/models", content=query),
        )

    for answering in asked("x" * 1000):
        assert (await answering).status_code == 200
    for answering in asked("x" * 1001):
        answer = await answering
        assert answer.status_code == 422
        assert answer.json()["invalid_fields"][0]["field"] == "query"


async def test_searches_without_a_key_are_counted_by_address(tmp_path: Path) -> None:
    limits = Limits(searches=2, wrong_keys=1)
    wrong = {"Authorization": "Bearer nobody-knows-this-key"}
    async with open_rig(tmp_path, limits=limits) as rig:
        rig.client.headers.pop("Authorization")
        search = "/v1/search?query=echo"
        answers = [await rig.client.get(search, headers=one) for one in ({}, wrong, {}, wrong)]
        right = await rig.client.get(search, headers={"Authorization": f"Bearer {KEY}"})
        rig.clock.forward(30)
        later = await rig.client.get(search)

    assert [one.status_code for one in answers] == [200, 200, 429, 429]
    assert answers[2].headers["retry-after"] == "30"
    assert answers[2].json()["retry_after"] == 30
    assert right.status_code == 429  # of this address wrong keys have come, and this one never
    assert later.status_code == 200


async def test_a_search_with_a_key_is_a_call_of_that_key(tmp_path: Path) -> None:
    async with open_rig(tmp_path, limits=Limits(rate=600, searches=1)) as rig:
        answers = [await rig.client.get("/v1/search?query=echo") for _ in range(3)]

    assert [one.headers["ratelimit-remaining"] for one in answers] == ["2999", "2998", "2997"]
