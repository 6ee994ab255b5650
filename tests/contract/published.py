"""The published contract as a test asks it: every operation under the path it is served at."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPMethod
from typing import Protocol, TypeAlias, cast

import schemathesis
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode, Response

from darkroom.domain.model import Json
from darkroom.http import contract

Object: TypeAlias = dict[str, Json]
_QUERY = "x-query"
_STAND_IN = "trace"  # schemathesis knows no QUERY, and nobody serves TRACE
_CHECKS: Mapping[str, Mapping[str, object]] = {
    "positive_data_acceptance": {"enabled": False},  # no schema says which names there are
    "ignored_auth": {"enabled": False},  # it asks everything twice; test_refusals sees to it
}
_EVENTS = "text/event-stream"
_EVENT: Json = {
    "type": "object",
    "required": ["event", "id", "data"],
    "properties": {
        "event": {"enum": ["output", "logs", "error", "done"]},
        "id": {"type": "string", "pattern": r"^\d+:\d+$"},
        "data": {"type": "string"},
    },
    "additionalProperties": False,
}
_PREVIEW: Json = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {"event": {"enum": ["preview", "done"]}, "data": {"type": "string"}},
    "additionalProperties": False,
}


class Request(Protocol):
    """A request, as much of it as is used here; its own type is not told in full."""

    method: str

    def call(self, base_url: str, *, headers: Mapping[str, str], timeout: float) -> Response: ...

    def validate_response(self, response: Response) -> None: ...


class _Described(Protocol):
    """An operation as schemathesis reads it."""

    def Case(self, **values: object) -> Request: ...  # noqa: N802  # the name it has there

    def as_strategy(
        self, generation_mode: GenerationMode, *, path_parameters: Mapping[str, str] | None
    ) -> SearchStrategy[Request]: ...


class Schema(Protocol):
    """A document as schemathesis reads it."""

    def __getitem__(self, path: str) -> Mapping[str, _Described]: ...

    def validate(self) -> None:
        """Raise unless the published schema of OpenAPI takes the document."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    Args:
        id: its `operationId`.
        method: as it is sent, such as `GET`.
        path: the full path with its parameters in braces.
        open: whether it is served without a key.
        upgrades: whether it opens a WebSocket, which is no matter of requests and answers.
        takes_body: whether a body is sent.
        demanding: whether a request can break its description, as no plain string can.
    """

    id: str
    method: str
    path: str
    open: bool
    upgrades: bool
    takes_body: bool
    demanding: bool
    _described: _Described = field(repr=False, compare=False)

    @property
    def parameters(self) -> Sequence[str]:
        """The parameters of the path, in its order."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    def request(self, **values: object) -> Request:
        """A request with exactly these `path_parameters`, `query`, `body` and `media_type`."""
        return self._real(self._described.Case(**values))

    def made_up(
        self, mode: GenerationMode, path: Mapping[str, str] | None = None
    ) -> SearchStrategy[Request]:
        """Requests from the described schemas: within them, or somewhere outside.

        Args:
            mode: within or outside.
            path: parameters of the path that are not to be made up.
        """
        fixed = None if path is None else dict(path)
        return self._described.as_strategy(mode, path_parameters=fixed).map(self._real)

    def _real(self, case: Request) -> Request:
        if self.method == "QUERY":
            case.method = self.method
        return case


def operations() -> list[Operation]:
    """All of them, in the document's order."""
    document = flat()
    schema = loaded(document)
    return [
        Operation(
            id=str(operation["operationId"]),
            method="QUERY" if method == _STAND_IN else method.upper(),
            path=path,
            open=operation.get("security") == [],
            upgrades="101" in cast("Object", operation["responses"]),
            takes_body="requestBody" in operation,
            demanding=_has_json(operation) or _demands(document, item, operation),
            _described=schema[path][method],
        )
        for path, item in cast("Mapping[str, Mapping[str, Object]]", document["paths"]).items()
        for method, operation in item.items()
        if method.upper() in HTTPMethod.__members__
    ]


def loaded(document: Mapping[str, Json]) -> Schema:
    """What schemathesis makes of a document, whatever configuration lies about."""
    config = schemathesis.Config.from_dict(  # pyright: ignore[reportUnknownMemberType]  # a bare dict
        {"checks": _CHECKS}
    )
    return cast("Schema", schemathesis.openapi.from_dict(dict(document), config=config))


def flat() -> Object:
    """The document as schemathesis wants it.

    Mounts are written into the paths, since it asks one server. QUERY, for which OpenAPI 3.1 has no
    word, stands under a method that nobody serves. The schema of a stream is that of each event.
    """
    document = cast("Object", json.loads(contract.document()))
    paths: dict[str, Object] = {}
    for path, item in cast("Mapping[str, Object]", document["paths"]).items():
        kept = {key: value for key, value in item.items() if key != "servers"}
        if _QUERY in kept:
            kept[_STAND_IN] = kept.pop(_QUERY)
        paths[contract.mount(item) + path] = kept
    _describe_events(paths, _EVENT)
    _describe_events(document["components"], _PREVIEW)  # the one stream that two paths share
    return {**document, "servers": [{"url": "/"}], "paths": paths}


def _describe_events(value: Json | Mapping[str, Object], event: Json) -> None:
    """Put the schema of one event wherever a stream is described."""
    if isinstance(value, dict):
        if _EVENTS in value:
            cast("Object", value[_EVENTS])["schema"] = event
        for one in value.values():
            _describe_events(one, event)


def _has_json(operation: Object) -> bool:
    """Whether it takes JSON; a form says text whatever its schema says."""
    body = cast("Mapping[str, Object]", operation.get("requestBody", {}))
    return "application/json" in body.get("content", {})


def _demands(document: Object, item: Mapping[str, Json], operation: Object) -> bool:
    """Whether any parameter is described as more than a string."""
    parameters = [
        *cast("Sequence[Object]", item.get("parameters", ())),
        *cast("Sequence[Object]", operation.get("parameters", ())),
    ]
    shared = cast("Mapping[str, Object]", cast("Object", document["components"])["parameters"])
    described = (shared[str(one["$ref"]).rpartition("/")[2]] if "$ref" in one else one
                 for one in parameters)  # fmt: skip
    return any(one["schema"] != {"type": "string"} for one in described)
