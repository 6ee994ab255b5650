"""Signed addresses of uploaded files: no key, and a 404 for whatever is not right about them."""

import base64
import hmac
from urllib.parse import urlencode

import pytest
from tests.http.test_uploads import CONTENT, address, gone, uploaded
from tests.support.hands import PICTURE
from tests.support.rig import ORIGIN, Rig

FAR = "4102444800"
PAST = "1000000000"


async def key(rig: Rig) -> bytes:
    answer = await rig.client.get("/api/files/secret")
    assert answer.status_code == 200
    return base64.b64decode(answer.json()["key"])


def signed(key: bytes, url: str, owner: str = "admin", expiry: str = FAR) -> str:
    id_ = url.rpartition("/")[2]
    mac = hmac.digest(key, f"{owner} {id_} {expiry}".encode(), "sha256")
    query = {"owner": owner, "expiry": expiry, "signature": base64.b64encode(mac).decode()}
    return f"{url}/download?{urlencode(query)}"


@pytest.mark.conformance(62)
@pytest.mark.parametrize("authorization", ["", "Bearer nobody-knows-this-key"])
async def test_a_signed_address_needs_no_key(rig: Rig, authorization: str) -> None:
    url = address(await uploaded(rig, CONTENT))
    answer = await rig.client.get(
        signed(await key(rig), url), headers={"Authorization": authorization}
    )

    assert (answer.status_code, answer.content) == (200, PICTURE)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == 'attachment; filename="a.png"'
    assert answer.headers["content-length"] == str(len(PICTURE))
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_a_part_of_a_file_may_be_asked_for(rig: Rig) -> None:
    url = signed(await key(rig), address(await uploaded(rig, CONTENT)))
    part = await rig.client.get(url, headers={"Range": "bytes=1-3"})
    known = await rig.client.get(url, headers={"If-None-Match": part.headers["etag"]})
    beyond = await rig.client.get(url, headers={"Range": "bytes=99-"})

    assert (part.status_code, part.content) == (206, b"PNG")
    assert known.status_code == 304
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */32")


@pytest.mark.conformance(62)
@pytest.mark.parametrize(
    "change",
    ["key", "owner", "another owner's signature", "past", "no number", "id", "nothing", "deleted",
     "expired"],
)  # fmt: skip
async def test_whatever_is_wrong_about_an_address_is_not_found(rig: Rig, change: str) -> None:
    url, own = address(await uploaded(rig, CONTENT)), await key(rig)
    good = signed(own, url)
    eve = {"Authorization": f"Bearer {await rig.key_of('eve')}"}
    eves = base64.b64decode((await rig.client.get("/api/files/secret", headers=eve)).json()["key"])
    changed = {
        "key": signed(bytes(32), url),
        "owner": signed(own, url, owner="eve"),
        "another owner's signature": signed(eves, url, owner="eve"),
        "past": signed(own, url, expiry=PAST),
        "no number": signed(own, url, expiry="never"),
        "id": good.replace(url, f"{ORIGIN}/v1/files/06a6v4h2tdz3v9c0w4ke3m8y1r"),
        "nothing": f"{url}/download",
        "deleted": good,
        "expired": good,
    }[change]
    if change == "deleted":
        await rig.client.delete(url)
    if change == "expired":
        await rig.pass_hours(24)

    assert gone(await rig.client.get(changed, headers={"Authorization": ""}))


async def test_a_key_is_its_owners_and_stays_the_same(rig: Rig) -> None:
    eve = {"Authorization": f"Bearer {await rig.key_of('eve')}"}
    first = (await rig.client.get("/api/files/secret")).json()

    assert first == (await rig.client.get("/api/files/secret")).json()
    assert first != (await rig.client.get("/api/files/secret", headers=eve)).json()
    nobody = await rig.client.get("/api/files/secret", headers={"Authorization": ""})
    assert nobody.status_code == 401


@pytest.mark.parametrize(("change", "files"), [("", 1), ("x", None)])
async def test_a_signed_address_may_be_an_input_of_whoever_has_it(
    rig: Rig, change: str, files: int | None
) -> None:
    rig.worker.join()
    url = signed(await key(rig), address(await uploaded(rig, CONTENT))) + change
    eve = {"Authorization": f"Bearer {await rig.key_of('eve')}"}
    request = {"version": "darkroom/echo", "input": {"image": url}}
    answer = await rig.client.post("/v1/predictions", json=request, headers=eve)

    assert answer.status_code == (201 if files else 422)
    assert [len(job.files) for job in rig.worker.jobs] == ([files] if files else [])
