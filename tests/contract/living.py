"""What a request can name because it is there: made on a live server whenever it is asked for.

A new path parameter, or a new operation with a body, gets its line here.
"""

import asyncio
import base64
import hashlib
import hmac
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from itertools import count
from typing import Literal, NamedTuple, cast

from tests.contract.published import Operation
from tests.support.processes import Server

from darkroom.compose.clock import SystemClock
from darkroom.domain.model import Json
from darkroom.service.worker_files import LocalSigner

OWNER = "admin"
ECHO = ("darkroom", "echo")
ECHO_TEXT = ("darkroom", "echo-text")
BYTES = b"\x89PNG\r\n\x1a\n" + bytes(24)  # a picture as far as anybody looks
PICTURE = f"data:image/png;base64,{base64.b64encode(BYTES).decode()}"
INPUT: Mapping[str, Json] = {"image": PICTURE}
NOBODY = "http://127.0.0.1:9/"  # a webhook's address that egress refuses
FAR_AWAY = 2**33
JSON = "application/json"
FORM = "multipart/form-data"
Made = Mapping[str, object]


def secret_of(server: Server) -> bytes:
    """What the running server signs addresses with."""
    with closing(sqlite3.connect(server.folder / "data" / "darkroom.db")) as database:
        (found,) = database.execute("select value from secrets where name = 'capabilities'")
    return bytes.fromhex(found[0])


async def no_size(key: str) -> int:
    raise AssertionError(f"the size of {key} was asked for")


class Body(NamedTuple):
    """What is sent, and as what."""

    media_type: str
    value: Json | Mapping[str, bytes | str] | bytes


class Living:
    """Makes what a request names; predictions have ended by then, so that no stream hangs.

    When it is made the server has shown that it runs predictions.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._numbers = count()
        self._prediction()
        self._values: Mapping[str, Callable[[], str]] = {
            "prediction_id": lambda: str(self._prediction()["id"]),
            "model_owner": lambda: ECHO[0],
            "model_name": lambda: ECHO[1],
            "version_id": lambda: self._version(ECHO),
            "training_id": lambda: str(self._training()["id"]),
            "collection_slug": lambda: "built-in",
            "deployment_owner": lambda: OWNER,
            "deployment_name": lambda: str(self._made("deployments", self._deployment())["name"]),
            "id": self._upload,
        }
        # Where the names of the parameters do not say enough: by operation, or by path.
        self._places: Mapping[str, Callable[[], list[str]]] = {
            "/v1/streams/{token}": lambda: [self._stream(ECHO_TEXT)],
            "/files/{token}/{name}": lambda: self._output().split("/")[-2:],
            "/assets/{name}": lambda: [self._asset()],
            "/api/predictions/{prediction_id}/webhooks/resend": lambda: [self._told()],
            "/api/predictions/{prediction_id}/webhooks/{n}/resend": lambda: [self._told(), "1"],
            "workers.files.get": lambda: [self._lent("GET")],
            "workers.files.put": lambda: [self._lent("PUT")],
            "models.update": self._model,
            "models.delete": self._model,
            "models.versions.delete": self._trained,
            "trainings.create": lambda: [*ECHO_TEXT, self._version(ECHO_TEXT)],
        }
        self._bodies: Mapping[str, Callable[[], Body]] = {
            "predictions.create": lambda: Body(JSON, {"version": "darkroom/echo", "input": INPUT}),
            "models.predictions.create": lambda: Body(JSON, {"input": INPUT}),
            "deployments.predictions.create": lambda: Body(JSON, {"input": INPUT}),
            "deployments.create": lambda: Body(JSON, self._deployment()),
            "deployments.update": lambda: Body(JSON, {"max_instances": 2}),
            "models.create": lambda: Body(JSON, self._private()),
            "models.update": lambda: Body(JSON, {"description": "Another."}),
            "models.search": lambda: Body("text/plain", "echo"),
            "trainings.create": lambda: Body(JSON, self._lesson()),
            "files.create": lambda: Body(FORM, {"content": BYTES}),
            "workers.files.put": lambda: Body("application/octet-stream", BYTES),
            "images.generate": lambda: Body(JSON, {"model": "darkroom/echo", "image": PICTURE}),
            "images.edit": lambda: Body(FORM, {"model": "darkroom/echo", "image": BYTES}),
        }
        self._queries: Mapping[str, Callable[[Mapping[str, str]], Mapping[str, str]]] = {
            "search": lambda _: {"query": "echo"},
            "files.download": self._signed,
        }

    def knows(self, operation: Operation) -> bool:
        """Whether there is a value for each parameter of its path, and a body if it takes one."""
        by_name = all(name in self._values for name in operation.parameters)
        placed = operation.id in self._places or operation.path in self._places
        return (by_name or placed) and (not operation.takes_body or operation.id in self._bodies)

    def path(self, operation: Operation) -> Mapping[str, str]:
        """Parameters of its path that lead to something."""
        names = operation.parameters
        place = self._places.get(operation.id) or self._places.get(operation.path)
        values = [self._values[name]() for name in names] if place is None else place()
        return dict(zip(names, values, strict=True))

    def query(self, operation: Operation, path: Mapping[str, str]) -> Mapping[str, str]:
        """What the query must hold for that path."""
        make = self._queries.get(operation.id)
        return {} if make is None else make(path)

    def body(self, operation: Operation) -> Body | None:
        """A body that is accepted; None where there is none to send."""
        make = self._bodies.get(operation.id)
        return None if make is None else make()

    def stream(self) -> str:
        """The token of a stream of files."""
        return self._stream(ECHO)

    def _made(self, path: str, body: Json, **headers: str) -> Made:
        answer = self._server.client.post(f"/v1/{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        return cast("Made", answer.json())

    def _prediction(self, model: tuple[str, str] = ECHO, **more: Json) -> Made:
        given = {"prompt": "two words"} if model == ECHO_TEXT else INPUT
        path = f"models/{'/'.join(model)}/predictions"
        return self._made(path, {"input": given, **more}, Prefer="wait")

    def _told(self) -> str:
        """A prediction with a webhook."""
        return str(self._prediction(webhook=NOBODY)["id"])

    def _stream(self, model: tuple[str, str]) -> str:
        urls = cast("Mapping[str, str]", self._prediction(model)["urls"])
        return urls["stream"].rpartition("/")[2]

    def _output(self) -> str:
        return str(self._server.get(self._prediction()["id"])["output"])

    def _version(self, model: tuple[str, str]) -> str:
        answer = self._server.client.get(f"/v1/models/{'/'.join(model)}/versions")
        return str(answer.json()["results"][0]["id"])

    def _private(self) -> Mapping[str, Json]:
        name = f"model-{next(self._numbers)}"
        return {"owner": OWNER, "name": name, "visibility": "private", "hardware": "cpu"}

    def _model(self) -> list[str]:
        """A model of the caller's without versions."""
        return [OWNER, str(self._made("models", self._private())["name"])]

    def _lesson(self) -> Mapping[str, Json]:
        return {"destination": "/".join(self._model()), "input": {"prefix": "Hello!"}}

    def _training(self) -> Made:
        where = f"models/{'/'.join(ECHO_TEXT)}/versions/{self._version(ECHO_TEXT)}/trainings"
        return self._made(where, self._lesson(), Prefer="wait")

    def _trained(self) -> list[str]:
        """A version of the caller's."""
        output = cast("Mapping[str, str]", self._training()["output"])
        model, _, version = output["version"].partition(":")
        return [*model.split("/"), version]

    def _deployment(self) -> Mapping[str, Json]:
        return {
            "name": f"deployment-{next(self._numbers)}",
            "model": "/".join(ECHO),
            "version": self._version(ECHO),
            "hardware": "cpu",
            "min_instances": 0,
            "max_instances": 1,
        }

    def _upload(self) -> str:
        answer = self._server.client.post("/v1/files", files={"content": BYTES})
        return str(answer.json()["id"])

    def _signed(self, path: Mapping[str, str]) -> Mapping[str, str]:
        key = base64.b64decode(self._server.client.get("/api/files/secret").json()["key"])
        digest = hmac.digest(key, f"{OWNER} {path['id']} {FAR_AWAY}".encode(), hashlib.sha256)
        signature = base64.b64encode(digest).decode()
        return {"owner": OWNER, "expiry": str(FAR_AWAY), "signature": signature}

    def _lent(self, method: Literal["GET", "PUT"]) -> str:
        """The token of an address that a worker elsewhere is given."""
        id_ = self._prediction()["id"]
        key = f"predictions/{id_}/{1 if method == 'GET' else 9}/0"
        signer = LocalSigner(secret_of(self._server), no_size, SystemClock())
        signed = signer.readable if method == "GET" else signer.writable
        (address,) = asyncio.run(signed([key]))
        return address.rpartition("/")[2]

    def _asset(self) -> str:
        return self._server.client.get("/").text.partition("assets/")[2].partition('"')[0]
