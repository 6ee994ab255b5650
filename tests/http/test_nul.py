"""No text with a NUL character reaches a statement: PostgreSQL refuses it, SQLite cuts it off."""

import base64
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from typing import TypeVar, cast

import pytest
from tests.support.hands import failed
from tests.support.rig import Rig

from darkroom.protocol.messages import Said
from darkroom.store.rows import Row
from darkroom.store.sqlite import SqliteDatabase
from darkroom.store.transitions.recipe import Call, Calls, Gathered, Transition

T = TypeVar("T")
ID = "0" * 25
MODEL = {"owner": "admin", "name": "m", "visibility": "private", "hardware": "cpu"}
DEPLOYMENT = {"name": "d", "model": "darkroom/echo", "version": "darkroom/echo", "hardware": "cpu",
              "min_instances": 0, "max_instances": 1}  # fmt: skip
ECHO = {"version": "darkroom/echo", "input": {"image": "data:,x"}}


def _calls(asked: Calls) -> Sequence[Call]:
    if isinstance(asked, Gathered):
        return asked.calls
    return asked if isinstance(asked, list) else [asked]


def _strict(transition: Transition[T]) -> Generator[Calls, list[Row], T]:
    try:
        call = next(transition)
        while True:
            for statement, parameters in _calls(call):
                for name, value in parameters.items():
                    assert not (isinstance(value, str) and "\0" in value), f"{statement}: {name}"
            call = transition.send((yield call))
    except StopIteration as end:
        return cast("T", end.value)


@pytest.fixture(autouse=True)
def _as_strict_as_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = SqliteDatabase.read, SqliteDatabase.write

    def strict_read(self: SqliteDatabase, transition: Transition[T]) -> Awaitable[T]:
        return read(self, _strict(transition))

    def strict_write(
        self: SqliteDatabase,
        recipe: Callable[[], Transition[T]],
        *,
        patient: bool = False,
        about: str | None = None,
    ) -> Awaitable[T]:
        return write(self, lambda: _strict(recipe()), patient=patient, about=about)

    monkeypatch.setattr(SqliteDatabase, "read", strict_read)
    monkeypatch.setattr(SqliteDatabase, "write", strict_write)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/v1/predictions/{ID}%00"),
        ("POST", f"/v1/predictions/{ID}%00/cancel"),
        ("GET", f"/v1/trainings/{ID}%00"),
        ("POST", f"/v1/trainings/{ID}%00/cancel"),
        ("GET", f"/api/predictions/{ID}%00/webhooks"),
        ("GET", f"/v1/files/{ID}%00"),
        ("DELETE", f"/v1/files/{ID}%00"),
        ("GET", f"/v1/files/{ID}%00/download?owner=admin&expiry=1&signature=x"),
        ("GET", "/v1/deployments/admin/a%00"),
        ("PATCH", "/v1/deployments/admin/a%00"),
        ("DELETE", "/v1/deployments/admin/a%00"),
        ("POST", "/v1/deployments/admin/a%00/predictions"),
        ("GET", "/v1/models/admin/a%00"),
        ("DELETE", "/v1/models/admin/a%00"),
        ("POST", "/v1/models/admin/a%00/predictions"),
        ("GET", f"/p/{ID}%00"),
    ],
)
async def test_a_name_or_id_with_one_is_not_found(rig: Rig, method: str, path: str) -> None:
    body: Mapping[str, object] = {} if method == "PATCH" else {"input": {}}
    assert (await rig.client.request(method, path, json=body)).status_code == 404


@pytest.mark.parametrize("noun", ["predictions", "trainings", "deployments", "files"])
@pytest.mark.parametrize("id_", [f"{ID}\0", "x", "~", "0" * 27])
async def test_a_cursor_is_one_of_ours_or_not_found(rig: Rig, noun: str, id_: str) -> None:
    for direction in "ab":
        cursor = base64.urlsafe_b64encode(f"{direction}={id_}".encode()).decode()
        assert (await rig.client.get(f"/v1/{noun}?cursor={cursor}")).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/models", {**MODEL, "name": "m\0"}, "name"),
        ("/v1/models", {**MODEL, "description": "a\0b"}, "description"),
        ("/v1/models", {**MODEL, "github_url": "https://a.test/\0"}, "github_url"),
        ("/v1/deployments", {**DEPLOYMENT, "name": "d\0"}, "name"),
        ("/v1/deployments", {**DEPLOYMENT, "hardware": "cpu\0"}, "hardware"),
        ("/v1/predictions", {**ECHO, "webhook": "https://a.test/\0"}, "webhook"),
    ],
)
async def test_a_field_with_one_is_refused_by_name(
    rig: Rig, path: str, body: Mapping[str, object], field: str
) -> None:
    answer = await rig.client.post(path, json=body)

    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["invalid_fields"]] == [field]


async def test_a_readme_with_one_is_refused(rig: Rig) -> None:
    await rig.client.post("/v1/models", json=MODEL)
    answer = await rig.client.patch("/v1/models/admin/m", json={"readme": "a\0b"})

    (told,) = answer.json()["invalid_fields"]
    assert (told["type"], told["field"]) == ("format", "readme")
    assert "U+0000" in told["description"]


async def test_an_input_keeps_its_own(rig: Rig) -> None:
    body = {"image": f"data:a\0b;base64,{'A' * 20_000}", "prompt": "a\0b"}
    shown = await rig.create(input=body)

    assert cast("dict[str, object]", (await rig.get(shown["id"]))["input"])["prompt"] == "a\0b"


async def test_an_idempotency_key_has_none(rig: Rig) -> None:
    headers = {b"Idempotency-Key": b"a\0b"}
    assert (await rig.client.post("/v1/predictions", json=ECHO, headers=headers)).status_code == 400


async def test_what_a_run_logs_and_fails_with_is_kept_without(rig: Rig) -> None:
    rig.worker.join()
    shown = await rig.create()
    rig.worker.tell(await rig.worker.job(), Said("a\0b\n"), ended=failed("c\0d"))
    await rig.settled()
    found = await rig.get(shown["id"])

    assert (found["logs"], found["error"]) == ("a\ufffdb\n", "c\ufffdd")


async def test_the_name_of_an_upload_is_kept_without(rig: Rig) -> None:
    form = {"metadata": '{"a": "\\u0000"}', "filename": "a\0b"}
    sent = await rig.client.post("/v1/files", data=form, files={"content": ("x", b"x")})

    assert sent.status_code == 201
    assert (sent.json()["name"], sent.json()["metadata"]) == ("ab", {"a": "\0"})
