"""Output files: no credentials, ranges, and headers that keep any content inert."""

import pytest
from tests.support.rig import PICTURE, Rig


async def finished(rig: Rig) -> str:
    rig.worker.join()
    shown = await rig.create()
    await rig.worker.succeed(rig.worker.jobs[0])
    await rig.settled()
    return str((await rig.get(shown["id"]))["output"])


@pytest.mark.parametrize("authorization", ["", "Bearer nobody-knows-this-key"])
async def test_a_file_needs_no_credentials(rig: Rig, authorization: str) -> None:
    url = await finished(rig)
    answer = await rig.client.get(url, headers={"Authorization": authorization})

    assert (answer.status_code, answer.content) == (200, PICTURE)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-length"] == str(len(PICTURE))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert not answer.headers["etag"].startswith("W/")


@pytest.mark.parametrize(
    ("asked", "status", "start", "end"),
    [
        ("bytes=0-3", 206, 0, 4),
        ("bytes=4-", 206, 4, 32),
        ("bytes=-2", 206, 30, 32),
        ("bytes=0-999", 206, 0, 32),
        ("bytes=32-", 416, 0, 0),
        ("bytes=0-1,3-4", 200, 0, 32),
        ("lines=0-1", 200, 0, 32),
    ],
)
async def test_ranges(rig: Rig, asked: str, status: int, start: int, end: int) -> None:
    answer = await rig.client.get(await finished(rig), headers={"Range": asked})

    assert answer.status_code == status
    if status != 416:
        assert answer.content == PICTURE[start:end]
    if status == 206:
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/32"


async def test_a_known_copy_is_not_sent_again(rig: Rig) -> None:
    url = await finished(rig)
    tag = (await rig.client.get(url)).headers["etag"]

    assert (await rig.client.get(url, headers={"If-None-Match": tag})).status_code == 304


async def test_head_tells_the_length_alone(rig: Rig) -> None:
    answer = await rig.client.head(await finished(rig))

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "32"


@pytest.mark.parametrize("change", ["token", "name"])
async def test_a_changed_address_opens_nothing(rig: Rig, change: str) -> None:
    url = await finished(rig)
    head, _, name = url.rpartition("/")
    wrong = f"{head[:-1]}0/{name}" if change == "token" else f"{head}/other.png"

    assert (await rig.client.get(wrong)).status_code == 404


async def test_an_output_of_ones_own_becomes_an_input_without_a_request(rig: Rig) -> None:
    url = await finished(rig)
    shown = await rig.create(input={"image": url})
    job = rig.worker.jobs[-1]

    assert shown["input"] == {"image": url}
    assert job.files[0].key.endswith("/1/0")


async def test_somebody_elses_output_is_no_file_of_ours(rig: Rig) -> None:
    url = await finished(rig)
    stranger = {"Authorization": f"Bearer {await rig.key_of('eve')}"}
    body = {"version": "darkroom/echo", "input": {"image": url}}
    await rig.client.post("/v1/predictions", json=body, headers=stranger)

    assert rig.worker.jobs[-1].files == []
