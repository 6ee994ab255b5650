"""Refusals have one form whatever went wrong; addresses lead back the way a client came."""

from pathlib import Path
from typing import cast

import httpx2
import pytest
from tests.http.test_files import finished
from tests.support.hands import PICTURE
from tests.support.rig import KEY, Rig
from tests.support.rig import rig as open_rig

from darkroom.domain.errors import DarkroomError, StoreBusy

PUBLIC = "https://example.test"
PARSE = "Failed to parse request body as JSON: "


def refused(answer: httpx2.Response, status: int) -> bool:
    """Whether *answer* has the form of every refusal."""
    told = answer.json()
    return (
        answer.status_code == told["status"] == status
        and isinstance(told["status"], int)
        and isinstance(told["detail"], str)
        and told["detail"] != ""
        and answer.headers["content-type"] == "application/problem+json"
    )


@pytest.mark.conformance(3)
@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/v1/predictions", b"{", 400),
        ("GET", "/v1/predictions?created_after=soon", b"", 400),
        ("GET", "/v1/nothing", b"", 404),
        ("GET", "/nothing", b"", 404),
        ("GET", "/v1/predictions/nothing", b"", 404),
        ("POST", "/v1/predictions/nothing/cancel", b"", 404),
        ("GET", "/v1/models/no/such", b"", 404),
        ("POST", "/v1/models/no/such/predictions", b'{"input":{}}', 404),
        ("GET", "/v1/streams/nothing", b"", 404),
        ("GET", f"/v1/files/{'0' * 53}", b"", 404),
        ("GET", "/files/nothing/x.png", b"", 404),
        ("PUT", "/v1/predictions", b"", 405),
        ("POST", "/healthz", b"", 405),
        ("POST", "/v1/predictions", bytes(2**20 + 1), 413),
        ("POST", "/v1/predictions", b"{}", 422),
        ("POST", "/v1/predictions", b'{"version":"no/such","input":{}}', 422),
        ("POST", "/v1/models/darkroom/echo/predictions", b'{"input":{}}', 422),
    ],
)
async def test_every_refusal_has_the_one_form(
    rig: Rig, method: str, path: str, content: bytes, status: int
) -> None:
    assert refused(await rig.client.request(method, path, content=content), status)


@pytest.mark.conformance(3)
async def test_refusals_for_what_stands_in_a_header_have_that_form_too(rig: Rig) -> None:
    url = await finished(rig)
    body = {"version": "darkroom/echo", "input": {"image": "data:,x"}}
    stranger = await rig.client.get("/v1/predictions", headers={"Authorization": ""})
    elsewhere = await rig.client.get("/v1/predictions", headers={"Host": "evil.test"})
    beyond = await rig.client.get(url, headers={"Range": "bytes=999-"})
    hasty = await rig.client.post("/v1/predictions", json=body, headers={"Cancel-After": "soon"})

    assert refused(stranger, 401)
    assert refused(elsewhere, 400)
    assert refused(beyond, 416)
    assert refused(hasty, 422)


@pytest.mark.conformance(3)
@pytest.mark.parametrize(
    ("fault", "status"),
    [(StoreBusy("The disk is full"), 503), (DarkroomError("news"), 500), (ValueError(), 500)],
)
async def test_faults_of_the_server_have_that_form_too(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, fault: Exception, status: int
) -> None:
    async def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(rig.predictions, "get", fail)  # nothing in the server fails like this

    assert refused(await rig.client.get("/v1/predictions/any"), status)


@pytest.mark.conformance(5)
@pytest.mark.parametrize("content", [b"", b'{"input"', b"{nope}", b'"\xff"', b"[" * 5000])
@pytest.mark.parametrize("path", ["/v1/predictions", "/v1/models/darkroom/echo/predictions"])
async def test_a_body_that_is_no_json_is_told_as_such(rig: Rig, path: str, content: bytes) -> None:
    answer = await rig.client.post(path, content=content)

    assert refused(answer, 400)
    assert answer.json()["detail"].startswith(PARSE)


@pytest.mark.conformance(11)
@pytest.mark.parametrize("prefix", ["/v1", "/replicate/v1"])
async def test_behind_a_proxy_every_address_is_of_the_public_origin(
    tmp_path: Path, prefix: str
) -> None:
    async with open_rig(tmp_path, public_url=f"{PUBLIC}/") as rig:
        rig.worker.join()
        body = {"version": "darkroom/echo", "input": {"image": "data:,x"}}
        answers = [await rig.client.post(f"{prefix}/predictions", json=body) for _ in range(101)]
        first = answers[0].json()
        await rig.worker.succeed(rig.worker.jobs[0])
        await rig.settled()
        shown = (await rig.client.get(f"{prefix}/predictions/{first['id']}")).json()
        page = (await rig.client.get(f"{prefix}/predictions")).json()
        rest = (await rig.client.get(page["next"])).json()
        model = (await rig.client.get(f"{prefix}/models/darkroom/echo")).json()

        get = f"{PUBLIC}{prefix}/predictions/{first['id']}"
        assert answers[0].headers["location"] == get
        assert shown["urls"] == {
            "get": get,
            "cancel": f"{get}/cancel",
            "web": f"{PUBLIC}/p/{first['id']}",
            "stream": f"{PUBLIC}/v1/files/{rig.capabilities.stream(first['id'])}",
        }
        assert page["next"].startswith(f"{PUBLIC}{prefix}/predictions?")
        assert rest["previous"].startswith(f"{PUBLIC}{prefix}/predictions?")
        assert [one["urls"] for one in rest["results"]] == [shown["urls"]]
        assert model["url"].startswith(f"{PUBLIC}/")
        assert shown["output"].startswith(f"{PUBLIC}/files/")
        assert (await rig.client.get(shown["output"])).content == PICTURE


@pytest.mark.conformance(11)
async def test_addresses_follow_the_host_that_each_client_used(rig: Rig) -> None:
    shown = await rig.create()
    headers = {"Host": "localhost:9", "Authorization": f"Token {KEY}"}
    again = await rig.client.get(f"/replicate/v1/predictions/{shown['id']}", headers=headers)

    urls = cast("dict[str, str]", again.json()["urls"])
    assert urls["get"] == f"http://localhost:9/replicate/v1/predictions/{shown['id']}"
    assert all(url.startswith("http://localhost:9/") for url in urls.values())
