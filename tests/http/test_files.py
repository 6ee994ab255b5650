"""Output files: no credentials, ranges, and headers that keep any content inert."""

import pytest
from tests.support.hands import PICTURE
from tests.support.rig import Rig


async def finished(rig: Rig, data: bytes = PICTURE) -> str:
    rig.worker.join()
    shown = await rig.create()
    await rig.worker.succeed(rig.worker.jobs[0], data=data)
    await rig.settled()
    return str((await rig.get(shown["id"]))["output"])


@pytest.mark.conformance(65)
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


@pytest.mark.conformance(65)
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
        ("bytes=-", 200, 0, 32),
        ("bytes=-0", 416, 0, 0),
        ("bytes=-99", 206, 0, 32),
        ("bytes=5-4", 416, 0, 0),
        (f"bytes={'9' * 5000}-", 200, 0, 32),
        (f"bytes=0-{'9' * 5000}", 200, 0, 32),
    ],
)
async def test_ranges(rig: Rig, asked: str, status: int, start: int, end: int) -> None:
    answer = await rig.client.get(await finished(rig), headers={"Range": asked})

    assert answer.status_code == status
    if status != 416:
        assert answer.content == PICTURE[start:end]
    if status == 206:
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/32"


@pytest.mark.parametrize(
    ("asked", "status"), [("bytes=-", 200), ("bytes=0-", 416), ("bytes=-5", 416)]
)
async def test_an_empty_file_has_no_range(rig: Rig, asked: str, status: int) -> None:
    answer = await rig.client.get(await finished(rig, b""), headers={"Range": asked})

    assert answer.status_code == status
    assert answer.headers.get("content-range") == (None if status == 200 else "bytes */0")


@pytest.mark.parametrize(
    ("known", "status"),
    [
        ("{tag}", 304),
        ("W/{tag}", 304),
        ('"other", {tag}', 304),
        ("*", 304),
        ('"other"', 200),
        ('"x{tag}x"', 200),
        ("", 200),
    ],
)
async def test_a_known_copy_is_not_sent_again(rig: Rig, known: str, status: int) -> None:
    url = await finished(rig)
    tag = (await rig.client.get(url)).headers["etag"]
    headers = {"If-None-Match": known.format(tag=tag)}

    assert (await rig.client.get(url, headers=headers)).status_code == status


@pytest.mark.parametrize("asked", ["", "bytes=0-3"])
async def test_a_file_whose_bytes_are_gone_is_not_found(rig: Rig, asked: str) -> None:
    rig.worker.join()
    shown = await rig.create()
    (job,) = rig.worker.jobs
    await rig.worker.succeed(job)
    await rig.settled()
    await rig.blobs.delete(f"predictions/{job.id}/{job.attempt}/0")
    url = str((await rig.get(shown["id"]))["output"])
    answer = await rig.client.get(url, headers={"Range": asked} if asked else {})

    assert answer.status_code == 404
    assert answer.json()["detail"] == "The requested resource could not be found."


async def test_a_long_file_comes_whole(rig: Rig) -> None:
    data = bytes(range(256)) * 3000
    answer = await rig.client.get(await finished(rig, data))

    assert (answer.status_code, answer.content == data) == (200, True)


async def test_head_tells_the_length_alone(rig: Rig) -> None:
    answer = await rig.client.head(await finished(rig))

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "32"


@pytest.mark.parametrize("change", ["token", "name"])
async def test_a_changed_address_opens_nothing(rig: Rig, change: str) -> None:
    url = await finished(rig)
    head, _, name = url.rpartition("/")
    last = "1" if head.endswith("0") else "0"
    wrong = f"{head[:-1]}{last}/{name}" if change == "token" else f"{head}/other.png"

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
