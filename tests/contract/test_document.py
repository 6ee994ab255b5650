"""The published document is OpenAPI 3.1, and keeps the habits that clients can lean on."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

import jsonschema_rs
import pytest
from tests.contract.published import Object, Operation, flat, loaded, operations

from darkroom.domain.model import Json
from darkroom.http import contract

DOCUMENT = cast("Object", json.loads(contract.document()))
OPERATIONS = operations()
every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)


def described(operation: Operation) -> Object:
    """What the document says of an operation."""
    paths = cast("Mapping[str, Mapping[str, Object]]", flat()["paths"])
    (found,) = (
        one for one in paths[operation.path].values()
        if "operationId" in one and one["operationId"] == operation.id
    )  # fmt: skip
    return found


def answers(operation: Operation) -> Mapping[str, Object]:
    """Its answers by status, references followed."""
    shared = cast("Mapping[str, Object]", cast("Object", DOCUMENT["components"])["responses"])
    told = cast("Mapping[str, Object]", described(operation)["responses"])
    return {
        code: shared[str(one["$ref"]).rpartition("/")[2]] if "$ref" in one else one
        for code, one in told.items()
    }


def without_a_title(document: Object) -> None:
    del cast("Object", document["info"])["title"]


def with_an_answer_that_says_nothing(document: Object) -> None:
    account = cast("Mapping[str, Mapping[str, Object]]", document["paths"])["/account"]["get"]
    del cast("Mapping[str, Object]", account["responses"])["200"]["description"]


def with_a_misspelled_word(document: Object) -> None:
    cast("Mapping[str, Mapping[str, Object]]", document["paths"])["/account"]["get"]["sumary"] = ""


def test_the_published_schema_of_openapi_takes_it() -> None:
    loaded(DOCUMENT).validate()


@pytest.mark.parametrize(
    "broken", [without_a_title, with_an_answer_that_says_nothing, with_a_misspelled_word]
)
def test_the_published_schema_of_openapi_takes_no_broken_one(
    broken: Callable[[Object], None],
) -> None:
    document = cast("Object", json.loads(contract.document()))
    broken(document)
    with pytest.raises(jsonschema_rs.ValidationError):
        loaded(document).validate()


def schemas(value: Json) -> Iterator[Json]:
    """Every schema that stands anywhere but inside another."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            if key == "schema":
                yield one
            elif key == "schemas":
                yield from cast("Mapping[str, Json]", one).values()
            elif key not in ("example", "examples"):
                yield from schemas(one)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for one in value:
            yield from schemas(one)


def test_every_schema_in_it_is_json_schema() -> None:
    found = list(schemas(DOCUMENT))
    assert len(found) > 50
    for one in found:
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema",
                                     **cast("Object", one)})  # fmt: skip


def test_no_two_paths_differ_in_the_names_of_their_parameters_alone() -> None:
    shapes = [re.sub(r"\{[^}]*\}", "{}", path) for path in cast("Object", flat()["paths"])]
    assert len(set(shapes)) == len(shapes)


def test_every_tag_is_explained_and_used() -> None:
    explained = [one["name"] for one in cast("Sequence[Object]", DOCUMENT["tags"])]
    used = {tag for one in OPERATIONS for tag in cast("Sequence[str]", described(one)["tags"])}
    assert len(set(explained)) == len(explained)
    assert set(explained) == used


@every_operation
def test_an_operation_says_what_is_answered_without_a_key_and_beyond_the_limit(
    operation: Operation,
) -> None:
    told = answers(operation)
    assert ("401" in told) == (not operation.open)
    assert operation.open or "429" in told


@every_operation
def test_an_operation_with_a_body_says_what_happens_to_one_too_long_or_too_slow(
    operation: Operation,
) -> None:
    assert not operation.takes_body or {"408", "413"} <= answers(operation).keys()


@every_operation
def test_every_refusal_is_described_by_one_of_the_few_forms(operation: Operation) -> None:
    for code, answer in answers(operation).items():
        content = cast("Mapping[str, Object]", answer.get("content", {}))
        for media, told in content.items():
            if int(code) >= 400 and media != "text/html":
                schema = cast("Mapping[str, str]", told["schema"])
                assert schema.get("$ref", "").rpartition("/")[2] in {"Problem", "OpenAIError"}, code
        assert int(code) < 400 or content, f"{code} says nothing of its form"
