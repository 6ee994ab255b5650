"""The published document is whole: references, ids, examples, and the routes it describes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import jsonschema_rs
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send
from tests.http import described

from darkroom.domain.model import Json
from darkroom.domain.schema import envelope_schema
from darkroom.http import contract

Object = Mapping[str, Json]


def obj(value: Json) -> Object:
    assert isinstance(value, Mapping)
    return value


DOCUMENT = contract.parsed()
OPERATIONS = [
    (f"{method.upper()} {path}", obj(obj(item)[method]), obj(item))
    for path, item in obj(DOCUMENT["paths"]).items()
    for method in obj(item)
    if method in contract.METHODS
]


def inside(value: Json) -> Iterator[Json]:
    yield value
    children: Sequence[Json] = ()
    if isinstance(value, Mapping):
        children = list(value.values())
    elif isinstance(value, Sequence) and not isinstance(value, str):
        children = value
    for child in children:
        yield from inside(child)


def resolved(value: Json) -> Json:
    holder = value
    while isinstance(holder, Mapping) and "$ref" in holder:
        pointer = str(holder["$ref"])
        assert pointer.startswith("#/")
        holder = DOCUMENT
        for part in pointer[2:].split("/"):
            holder = obj(holder)[part]
    return holder


def declared(item: Object, operation: Object) -> list[Object]:
    """The parameters of an operation, those of its path first."""
    return [
        obj(resolved(one))
        for holder in (item, operation)
        for one in cast("Sequence[Json]", holder.get("parameters", ()))
    ]


def bodies(operation: Object) -> Iterator[tuple[Json, str, Json]]:
    """Schema, name and value of each example of a body that is sent or answered."""
    holders = [*obj(operation["responses"]).values(), operation.get("requestBody", {})]
    for holder in holders:
        for media in obj(obj(resolved(holder)).get("content", {})).values():
            for name, example in obj(obj(media).get("examples", {})).items():
                yield obj(media)["schema"], name, obj(resolved(example))["value"]


def contents() -> Iterator[tuple[str, Json, Json]]:
    """Each example that stands beside a schema: where, the schema, the value."""
    for where, operation, item in OPERATIONS:
        for schema, name, value in bodies(operation):
            yield f"{where}: {name}", schema, value
        for one in declared(item, operation):
            if "example" in one:
                yield f"{where}: {one['name']}", one["schema"], one["example"]


EXAMPLES = list(contents())


def test_the_document_is_openapi_3_1_with_its_required_parts() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert {"title", "version"} <= obj(DOCUMENT["info"]).keys()
    assert all(str(path).startswith("/") for path in obj(DOCUMENT["paths"]))


def test_every_reference_resolves() -> None:
    references = [one for one in inside(DOCUMENT) if isinstance(one, Mapping) and "$ref" in one]
    assert len(references) > 50
    for one in references:
        assert resolved(one) is not None


def test_every_component_is_used() -> None:
    used = {
        str(one["$ref"]) for one in inside(DOCUMENT) if isinstance(one, Mapping) and "$ref" in one
    }
    components = obj(DOCUMENT["components"])
    for kind in ("parameters", "responses", "schemas", "examples"):
        assert {f"#/components/{kind}/{name}" for name in obj(components[kind])} <= used


def test_every_operation_has_an_id_of_its_own() -> None:
    ids = [operation["operationId"] for _, operation, _ in OPERATIONS]
    assert len(set(ids)) == len(ids)
    assert {"predictions.create", "models.predictions.create", "predictions.cancel"} <= set(ids)


@pytest.mark.parametrize(("where", "operation", "item"), OPERATIONS, ids=lambda one: str(one)[:50])
def test_an_operation_says_its_answers_and_its_path_parameters(
    where: str, operation: Object, item: Object
) -> None:
    assert operation["tags"]
    assert operation["summary"]
    for code, answer in obj(operation["responses"]).items():
        assert code.isdigit()
        assert obj(resolved(answer))["description"]
    parameters = declared(item, operation)
    in_path = {str(one["name"]) for one in parameters if one["in"] == "path"}
    assert in_path == {part[1:-1] for part in where.split("/") if part.startswith("{")}


@pytest.mark.parametrize(("where", "operation", "item"), OPERATIONS, ids=lambda one: str(one)[:50])
def test_only_capability_and_public_addresses_go_without_a_key(
    where: str, operation: Object, item: Object
) -> None:
    api = "servers" not in item or contract.mount(item) == "/api"
    assert ("security" not in operation) == api
    assert ("401" in obj(operation["responses"])) == api, where


@pytest.mark.parametrize(("where", "schema", "value"), EXAMPLES, ids=[one[0] for one in EXAMPLES])
def test_an_example_fits_its_schema(where: str, schema: Json, value: Json) -> None:
    whole = {"$ref": "#/schema", "schema": schema, "components": DOCUMENT["components"]}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    faults = [str(error) for error in validator.iter_errors(value)]
    assert faults == [], where


def test_a_wrong_example_would_be_noticed() -> None:
    broken = {"$ref": "#/components/schemas/Problem", "components": DOCUMENT["components"]}
    assert not jsonschema_rs.Draft202012Validator(broken).is_valid({"detail": "x", "status": "404"})


def test_what_is_sent_is_the_document_without_spaces() -> None:
    assert json.loads(contract.document()) == DOCUMENT
    assert b"\n" not in contract.document()


def test_operations_are_told_where_they_are_mounted() -> None:
    told = described.operations()
    assert ("POST", "/v1/predictions") in told
    assert ("GET", "/v1/files/{id}") in told
    assert ("GET", "/files/{token}/{name}") in told
    assert ("GET", "/p/{prediction_id}") in told
    assert len(told) == len(OPERATIONS)


async def nothing(request: Request) -> Response:
    return Response(request.url.path)


def routes() -> list[Route]:
    return [
        Route(path, nothing, methods=[method], name=f"{method} {path}")
        for method, path in described.operations()
    ]


def test_routes_that_are_as_described_differ_in_nothing() -> None:
    assert described.differences(routes()) == []


def test_a_mounted_route_with_other_parameter_names_is_the_same_route() -> None:
    asked = ("GET", "/v1/models/{model_owner}/{model_name}")
    others = [one for one in described.operations() if one != asked]
    mounted = Mount("/v1", routes=[Route("/models/{owner}/{name}", nothing)])
    served = [Route(path, nothing, methods=[method]) for method, path in others]
    assert described.differences([*served, mounted]) == []


def test_a_route_that_is_not_described_and_one_that_is_missing_are_both_named() -> None:
    kept = [one for one in routes() if one.name != "POST /v1/predictions"]
    served = [*kept, Route("/v1/secret", nothing, methods=["GET"])]
    assert described.differences(served) == [
        "GET /v1/secret is served but not described",
        "POST /v1/predictions is described but not served",
    ]


def test_a_route_for_every_method_is_told() -> None:
    (told,) = (one for one in described.differences([*routes(), Route("/p/{id}", Every())]))
    assert told == "ANY /p/{} is served but not described"


class Every:
    """An endpoint that Starlette takes for an application, so that no method is assumed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError(scope, receive, send)


_WORDS = frozenset({"description", "deprecated"})


def plain(value: Json) -> Json:
    """A schema without references and without words for people."""
    holder = resolved(value)
    if isinstance(holder, Mapping):
        return {name: plain(one) for name, one in holder.items() if name not in _WORDS}
    if isinstance(holder, Sequence) and not isinstance(holder, str):
        return [plain(one) for one in holder]
    return holder


@pytest.mark.parametrize("name", ["PredictionRequest", "ModelPredictionRequest"])
def test_the_published_body_of_a_create_is_the_one_that_is_checked(name: str) -> None:
    checked = {**envelope_schema()}
    checked["dependentRequired"] = checked.pop("dependencies")  # the newer draft's name
    properties = {**obj(checked["properties"])}
    properties["is_training"] = {}  # as good as True
    required = cast("list[str]", checked["required"])
    if name == "ModelPredictionRequest":
        required = [one for one in required if one != "version"]
        del properties["version"]
    whole = {**checked, "properties": properties, "required": required}

    assert plain(obj(obj(DOCUMENT["components"])["schemas"])[name]) == plain(whole)
