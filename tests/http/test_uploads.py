"""The Files API: every spelling of a form, what is told of a file, and who may see it."""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import httpx2
import pytest
from tests.support import rig as rigs
from tests.support.hands import PICTURE
from tests.support.limits import Limits
from tests.support.rig import ORIGIN, Rig

BOUNDARY = "the-boundary"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
METADATA = {"album": "summer", "camera": {"lens": "50mm"}}
Part = tuple[str, bytes]  # what follows `form-data; ` in its head, and the body

CONTENT: Part = ('name="content"; filename="a.png"\r\nContent-Type: image/png', PICTURE)
AS_TEXT: Part = ('name="metadata"', json.dumps(METADATA).encode())
AS_FILE: Part = (
    'name="metadata"; filename="blob"\r\nContent-Type: application/json',
    json.dumps(METADATA).encode(),
)
BRACKETED: Sequence[Part] = (
    ('name="metadata[album]"', b"summer"),
    ('name="metadata[camera][lens]"', b"50mm"),
)


def body(*parts: Part, end: str = "--\r\n") -> bytes:
    heads = [
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + data + b"\r\n"
        for head, data in parts
    ]
    return b"".join(heads) + f"--{BOUNDARY}{end}".encode()


async def posted(rig: Rig, *parts: Part) -> httpx2.Response:
    return await rig.client.post("/v1/files", content=body(*parts), headers=FORM)


async def uploaded(rig: Rig, *parts: Part) -> dict[str, object]:
    answer = await posted(rig, *parts)
    assert answer.status_code == 201, answer.text
    return cast("dict[str, object]", answer.json())


def address(shown: Mapping[str, object]) -> str:
    return cast("Mapping[str, str]", shown["urls"])["get"]


def stored(rig: Rig) -> list[Path]:
    return [path for path in (rig.folder / "files").rglob("*") if path.is_file()]


def gone(answer: httpx2.Response) -> bool:
    return (answer.status_code, answer.json()) == (404, {"detail": "File not found", "status": 404})


@pytest.mark.conformance(57)
@pytest.mark.parametrize(
    "spelling", [[AS_TEXT], [AS_FILE], BRACKETED], ids=["text", "file", "keys"]
)
@pytest.mark.parametrize("first", ["metadata", "content"])
async def test_metadata_is_read_in_every_spelling_and_order(
    rig: Rig, spelling: Sequence[Part], first: str
) -> None:
    parts = [*spelling, CONTENT] if first == "metadata" else [CONTENT, *spelling]
    shown = await uploaded(rig, *parts)

    assert shown["metadata"] == METADATA
    assert shown["size"] == len(PICTURE)


async def test_a_list_in_metadata_is_read_from_its_brackets(rig: Rig) -> None:
    tags = [('name="metadata[tags][]"', text) for text in (b"one", b"two")]
    assert (await uploaded(rig, *tags, CONTENT))["metadata"] == {"tags": ["one", "two"]}


@pytest.mark.conformance(58)
async def test_separate_fields_win_over_the_parts_own_head(rig: Rig) -> None:
    fields = [('name="filename"', b"better.jpg"), ('name="type"', b"image/jpeg")]
    shown = await uploaded(rig, CONTENT, *fields)

    assert (shown["name"], shown["content_type"]) == ("better.jpg", "image/jpeg")


@pytest.mark.conformance(59)
@pytest.mark.parametrize("prefix", ["/v1", "/replicate/v1"])
async def test_an_upload_is_described_in_full(rig: Rig, prefix: str) -> None:
    answer = await rig.client.post(f"{prefix}/files", content=body(CONTENT), headers=FORM)
    shown = answer.json()
    md5 = hashlib.md5(PICTURE, usedforsecurity=False).hexdigest()
    created, expires = (
        datetime.fromisoformat(str(shown.pop(name))) for name in ("created_at", "expires_at")
    )

    assert answer.status_code == 201
    assert expires - created == timedelta(hours=24)
    id_ = shown.pop("id")
    assert len(id_) == 26
    assert shown == {
        "name": "a.png",
        "content_type": "image/png",
        "size": len(PICTURE),
        "etag": md5,
        "checksums": {"sha256": hashlib.sha256(PICTURE).hexdigest(), "md5": md5},
        "metadata": {},
        "urls": {"get": f"{ORIGIN}{prefix}/files/{id_}"},
    }


async def test_a_bare_and_an_empty_content_are_files_too(rig: Rig) -> None:
    shown = await uploaded(rig, ('name="content"', b""))

    assert (shown["name"], shown["content_type"], shown["size"]) == (
        "file",
        "application/octet-stream",
        0,
    )


async def too_much() -> AsyncIterator[bytes]:
    yield body(CONTENT, end="\r\n")[: -len(PICTURE) - 4 - len(BOUNDARY)]
    for _ in range(101):
        yield bytes(2**20)
    raise AssertionError("the rest was read although the file is too large already")


@pytest.mark.conformance(60)
@pytest.mark.parametrize("announced", [False, True])
async def test_a_file_that_is_too_large_is_refused_and_forgotten(
    rig: Rig, *, announced: bool
) -> None:
    headers = {**FORM, "Content-Length": str(2**30)} if announced else FORM
    answer = await rig.client.post("/v1/files", content=too_much(), headers=headers)

    assert answer.status_code == 413
    assert answer.json() == {"detail": "Files must be less than 100MB in size", "status": 413}
    assert stored(rig) == []


@pytest.mark.conformance(61)
async def test_a_file_is_described_until_it_is_deleted(rig: Rig) -> None:
    shown = await uploaded(rig, CONTENT)
    assert (await rig.client.get(address(shown))).json() == shown
    deleted = await rig.client.delete(address(shown), headers={"Content-Type": "application/json"})

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert stored(rig) == []
    assert gone(await rig.client.get(address(shown)))
    assert gone(await rig.client.delete(address(shown)))


async def test_a_file_is_nobody_elses(rig: Rig) -> None:
    shown = await uploaded(rig, CONTENT)
    eve = {"Authorization": f"Bearer {await rig.key_of('eve')}"}

    assert gone(await rig.client.get(address(shown), headers=eve))
    assert gone(await rig.client.delete(address(shown), headers=eve))
    assert (await rig.client.get("/v1/files", headers=eve)).json()["results"] == []
    nobody = await rig.client.get(address(shown), headers={"Authorization": ""})
    assert nobody.status_code == 401


@pytest.mark.conformance(52, 53)
async def test_files_are_listed_newest_first_in_pages(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darkroom.http.paging.PAGE_SIZE", 2)
    made = [await uploaded(rig, CONTENT) for _ in range(5)]
    first = (await rig.client.get("/v1/files")).json()
    second = (await rig.client.get(first["next"])).json()
    last = (await rig.client.get(second["next"])).json()

    assert set(first) == {"next", "previous", "results"}
    assert [*first["results"], *second["results"], *last["results"]] == made[::-1]
    assert last["next"] is None
    assert (await rig.client.get(last["previous"])).json()["results"] == second["results"]


async def test_an_expired_file_is_not_found_at_once(rig: Rig) -> None:
    shown = await uploaded(rig, CONTENT)
    await rig.pass_hours(24)

    assert gone(await rig.client.get(address(shown)))
    assert (await rig.client.get("/v1/files")).json()["results"] == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\\\pictures\\\\a.png", "a.png"),
        ("..", "file"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("a\tb\x7f.png", "ab.png"),
        ("%0D%0ASet-Cookie: x.png", "Set-Cookie: x.png"),
        ("the %22big%22 one.png", 'the "big" one.png'),
        ("Köln 🌉.png", "Köln 🌉.png"),
        ("é" * 200, "é" * 127),
        ("", "file"),
    ],
)
async def test_a_files_name_is_cleaned(rig: Rig, given: str, kept: str) -> None:
    shown = await uploaded(rig, (f'name="content"; filename="{given}"', b"x"))
    assert shown["name"] == kept


@pytest.mark.parametrize("given", ["", "picture", "text/html\x01", "a/b\u00e9", "a/" + "b" * 200])
async def test_what_is_no_media_type_is_unnamed_bytes(rig: Rig, given: str) -> None:
    shown = await uploaded(rig, CONTENT, ('name="type"', given.encode()))
    assert shown["content_type"] == ("image/png" if not given else "application/octet-stream")


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        (body(AS_TEXT), 400, "no part named `content`"),
        (body(), 400, "no part named `content`"),
        (body(CONTENT, CONTENT), 400, "more than one"),
        (body(CONTENT, end=""), 400, "cut off"),
        (body(CONTENT)[:-30], 400, "cut off"),
        (b"", 400, "cut off"),
        (b"no form at all", 400, "Failed to parse request body as multipart/form-data"),
        (body(CONTENT, ('nome="content"', b"x")), 400, "no name"),
        (body(CONTENT, ('name="x"' + "\r\nH: h" * 9, b"x")), 400, "header count"),
        (body(CONTENT, (f'name="{"x" * 5000}"', b"x")), 400, "header size"),
        (body(CONTENT, *[(f'name="f{n}"', b"x") for n in range(9)]), 400, "too many fields"),
        (body(CONTENT, *[(f'name="metadata[{n}]"', b"x") for n in range(65)]), 400, "too many"),
        (body(CONTENT, ('name="other"', bytes(70_000))), 413, "longer than 65536 bytes"),
        (body(CONTENT, ('name="metadata"', b"[1]")), 400, "must be a JSON object"),
        (body(CONTENT, ('name="metadata"', b"{nope")), 400, "`metadata` must be a JSON object"),
        (body(CONTENT, *BRACKETED, BRACKETED[0]), 400, "'album' twice"),
        (body(CONTENT, BRACKETED[0], ('name="metadata[album][x]"', b"")), 400, "same place"),
        (body(CONTENT, AS_TEXT, ('name="metadata[camera][]"', b"")), 400, "twice"),
    ],
)
async def test_a_form_that_makes_no_sense_is_refused_and_leaves_nothing(
    rig: Rig, sent: bytes, status: int, words: str
) -> None:
    answer = await rig.client.post("/v1/files", content=sent, headers=FORM)

    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert words in answer.json()["detail"]
    assert stored(rig) == []
    assert (await rig.client.get("/v1/files")).json()["results"] == []


@pytest.mark.parametrize(
    "kind",
    ["application/json", "multipart/form-data", f"multipart/mixed; boundary={BOUNDARY}", "",
     f"multipart/form-data; boundary={'x' * 300}"],
)  # fmt: skip
async def test_a_body_that_is_no_form_is_refused(rig: Rig, kind: str) -> None:
    headers = {"Content-Type": kind}
    answer = await rig.client.post("/v1/files", content=body(CONTENT), headers=headers)

    assert answer.status_code == 400
    assert "multipart/form-data" in answer.json()["detail"]


@pytest.mark.fault(20)
async def test_a_full_file_store_is_told_and_leaves_no_upload(rig: Rig) -> None:
    (rig.folder / "files" / "uploads").write_bytes(b"in the way")
    answer = await posted(rig, CONTENT)

    assert answer.status_code == 503
    assert (await rig.client.get("/v1/files")).json()["results"] == []


@pytest.mark.fault(20)
async def test_a_disk_that_is_nearly_full_takes_no_upload(tmp_path: Path) -> None:
    async with rigs.rig(tmp_path, limits=Limits(free_bytes=lambda: 0)) as rig:
        answer = await posted(rig, CONTENT)

        assert (answer.status_code, answer.json()["status"]) == (503, 503)
        assert "nearly full" in answer.json()["detail"]


@pytest.mark.conformance(63)
async def test_an_upload_reaches_the_model_as_a_file_without_a_request(rig: Rig) -> None:
    rig.worker.join()
    url = address(await uploaded(rig, CONTENT))
    shown = await rig.create(input={"image": url})
    (job,) = rig.worker.jobs

    assert shown["input"] == {"image": url}
    assert [ref.path for ref in job.files] == [["image"]]
    assert await rig.blobs.get(job.files[0].key) == PICTURE


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"{ORIGIN}/v1", f"{ORIGIN}/replicate/v1"),
        (f"{ORIGIN}/v1", "https://another.name.test/replicate/v1/v1"),
    ],
)
async def test_an_upload_is_known_under_every_address_of_ours(
    rig: Rig, before: str, after: str
) -> None:
    rig.worker.join()
    url = address(await uploaded(rig, CONTENT))
    await rig.create(input={"image": url.replace(before, after)})

    assert len(rig.worker.jobs[0].files) == 1


@pytest.mark.conformance(63)
async def test_somebody_elses_upload_is_refused_before_anything_is_created(rig: Rig) -> None:
    url = address(await uploaded(rig, CONTENT))
    eve = {"Authorization": f"Bearer {await rig.key_of('eve')}"}
    request = {"version": "darkroom/echo", "input": {"image": url}}
    answer = await rig.client.post("/v1/predictions", json=request, headers=eve)

    assert answer.status_code == 422
    assert answer.json()["detail"] == "- input.image: File not found\n"
    assert answer.json()["invalid_fields"] == [
        {"type": "file", "field": "input.image", "description": "File not found"}
    ]
    assert (await rig.client.get("/v1/predictions", headers=eve)).json()["results"] == []


@pytest.mark.parametrize("id_", ["06a6v4h2tdz3v9c0w4ke3m8y1r", "NGZiNmY2YzQt", "%20"])
async def test_an_upload_that_never_was_is_refused_only_on_our_own_origin(
    rig: Rig, id_: str
) -> None:
    rig.worker.join()
    request = {"version": "darkroom/echo", "input": {"image": f"{ORIGIN}/v1/files/{id_}"}}
    assert (await rig.client.post("/v1/predictions", json=request)).status_code == 422
    await rig.create(input={"image": f"https://api.replicate.test/v1/files/{id_}"})

    assert [job.files for job in rig.worker.jobs] == [[]]


@pytest.mark.conformance(73)
async def test_a_files_description_and_a_stream_of_files_share_a_path(rig: Rig) -> None:
    rig.worker.join()
    shown = await uploaded(rig, CONTENT)
    followed = (await rig.create())["urls"]
    text = (await rig.create(version="darkroom/echo-text", input={"prompt": "a"}))["urls"]
    await rig.worker.succeed(rig.worker.jobs[0])
    await rig.settled()
    stream = cast("dict[str, str]", followed)["stream"]
    answer = await rig.client.get(stream, headers={"Authorization": ""})

    assert stream.startswith(f"{ORIGIN}/v1/files/")
    assert not cast("dict[str, str]", text)["stream"].startswith(f"{ORIGIN}/v1/files/")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (await rig.client.get(address(shown))).json() == shown


async def test_a_forged_stream_token_is_not_found(rig: Rig) -> None:
    answer = await rig.client.get(f"/v1/files/{'0' * 53}", headers={"Authorization": ""})

    assert answer.status_code == 404
    assert answer.json()["detail"] == "The requested resource could not be found."
