"""Hosts, prefixes, keys and errors, before any route is reached."""

from pathlib import Path
from typing import cast

import pytest
from tests.http.described import differences
from tests.support.rig import KEY, ORIGIN, Rig
from tests.support.rig import rig as open_rig

from darkroom.http.edge import Hosts

NOTHING = {"detail": "The requested resource could not be found.", "status": 404}


@pytest.mark.conformance(1)
@pytest.mark.parametrize("scheme", ["Bearer", "Token", "bearer"])
async def test_both_schemes_carry_a_key(rig: Rig, scheme: str) -> None:
    answer = await rig.client.get("/v1/account", headers={"Authorization": f"{scheme} {KEY}"})

    assert answer.json()["username"] == "admin"


@pytest.mark.conformance(2)
@pytest.mark.parametrize(
    ("header", "detail"),
    [
        ("", "You did not pass an authentication token"),
        ("Basic abc", "You did not pass an authentication token"),
        ("Bearer nobody-knows-this-key", "You did not pass a valid authentication token"),
        ("Bearer dkr_short", "You did not pass a valid authentication token"),
    ],
)
async def test_without_a_valid_key_there_is_401(rig: Rig, header: str, detail: str) -> None:
    answer = await rig.client.get("/v1/predictions", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.json() == {"title": "Unauthenticated", "detail": detail, "status": 401}


async def test_a_revoked_key_is_refused_at_once(rig: Rig) -> None:
    key, secret = await rig.keys.create("ada", admin=False, expires_at=None)
    headers = {"Authorization": f"Bearer {secret}"}
    assert (await rig.client.get("/v1/account", headers=headers)).json()["username"] == "ada"
    await rig.keys.revoke(key.id)

    assert (await rig.client.get("/v1/account", headers=headers)).status_code == 401


@pytest.mark.conformance(4)
@pytest.mark.parametrize(
    "path", ["/v1/nope", "/v1/predictions/nope", "/nope", "/v1", "/predictions"]
)
async def test_unknown_paths_answer_the_generic_404(rig: Rig, path: str) -> None:
    answer = await rig.client.get(path)

    assert (answer.status_code, answer.json()) == (404, NOTHING)


@pytest.mark.parametrize("path", ["/v1//hardware%0A", "/v1//predictions%0A", "/healthz%0A"])
async def test_a_line_break_in_a_path_leads_nowhere(rig: Rig, path: str) -> None:
    answer = await rig.client.get(path, headers={"Authorization": ""})

    assert (answer.status_code, answer.json()) == (404, NOTHING)


@pytest.mark.parametrize("path", ["/v1/predictions", "/v1/models", "/healthz", "/docs"])
async def test_a_wrong_method_is_told_as_json(rig: Rig, path: str) -> None:
    answer = await rig.client.delete(path)

    assert answer.status_code == 405
    assert answer.json()["status"] == 405


@pytest.mark.parametrize("path", ["/v1/models", "/healthz", "/docs"])
async def test_what_can_be_read_can_be_asked_for_its_head(rig: Rig, path: str) -> None:
    assert (await rig.client.head(path)).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/no/such",
        "/v1/models/darkroom/echo/versions/no",
        "/v1/models/no/such/predictions",
        "/v1/models?cursor=none-of-ours",
    ],
)
async def test_what_does_not_exist_is_told_in_the_wires_one_sentence(rig: Rig, path: str) -> None:
    create = path.endswith("/predictions")
    answer = await rig.client.request("POST" if create else "GET", path, content=b'{"input": {}}')

    assert (answer.status_code, answer.json()) == (404, NOTHING)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.test", 400),
        ("localhost:8000", 200),
        ("10.0.0.7", 200),
        ("[::1]:8000", 200),
        ("example.test", 200),
        ("LOCALHOST:8000", 200),
        ("localhost.", 200),
        ("Example.Test.:80", 200),
        ("example.test..", 400),
        ("", 400),
        ("::1", 400),
        ("[10.0.0.7]", 400),
        ("[fe80::1%<script>]", 400),
        ("[fe80::1%25eth0]:80", 400),
        ("localhost:99999999", 400),
        ("localhost:", 400),
        ("localhost:80:80", 400),
        ("localhost/x", 400),
    ],
)
async def test_only_known_hosts_are_answered(rig: Rig, host: str, status: int) -> None:
    assert (await rig.client.get("/healthz", headers={"Host": host})).status_code == status


async def test_a_host_that_was_refused_or_accepted_once_is_so_again(rig: Rig) -> None:
    for host, status in [("localhost", 200), ("evil.test", 400)] * 2:
        assert (await rig.client.get("/healthz", headers={"Host": host})).status_code == status


def test_names_of_the_operator_are_compared_without_case() -> None:
    assert Hosts(frozenset({"Pictures.Example."})).accepts("pictures.example:8000")


async def test_urls_are_built_from_the_host_the_client_used(rig: Rig) -> None:
    answer = await rig.client.get("/v1/models/darkroom/echo", headers={"Host": "localhost:9"})

    assert answer.json()["url"].startswith("http://localhost:9/")


async def test_the_public_url_replaces_scheme_and_host(tmp_path: Path) -> None:
    async with open_rig(tmp_path, public_url="https://api.example.test/") as rig:
        shown = await rig.create()

    urls = cast("dict[str, str]", shown["urls"])
    assert all(url.startswith("https://api.example.test/") for url in urls.values())


async def test_api_answers_are_private_and_typed(rig: Rig) -> None:
    headers = (await rig.client.get(f"{ORIGIN}/v1/account")).headers

    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


async def test_the_published_description_names_exactly_the_routes_there_are(tmp_path: Path) -> None:
    async with open_rig(tmp_path) as rig:
        assert differences(rig.routes) == []
