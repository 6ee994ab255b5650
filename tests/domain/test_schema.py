"""A version publishes the document that clients of Cog models read."""

from collections.abc import Mapping, Sequence
from typing import cast

import pytest

from darkroom.domain.ids import VersionId
from darkroom.domain.model import FieldType, InputField, Json, OutputKind, Version
from darkroom.domain.prediction import Milliseconds
from darkroom.domain.schema import openapi_schema, request_schema

FIELDS = (
    InputField(name="image", type=FieldType.FILE, description="A picture.", required=True),
    InputField(
        name="num_outputs",
        type=FieldType.INTEGER,
        description="How many.",
        default=1,
        minimum=1,
        maximum=8,
    ),
    InputField(
        name="scheduler",
        type=FieldType.STRING,
        description="Which.",
        default="DDIM",
        choices=("DDIM", "PNDM"),
    ),
    InputField(name="go_fast", type=FieldType.BOOLEAN, description="Fast.", default=False),
    InputField(name="seed", type=FieldType.INTEGER, description="Any number."),
)


def make_version(
    *, inputs: Sequence[InputField] = FIELDS, output: OutputKind = OutputKind.FILES
) -> Version:
    return Version(
        id=VersionId("a" * 64),
        model="acme/model",
        kind="echo",
        inputs=inputs,
        output=output,
        created_at=Milliseconds(0),
    )


def at(document: Json, *path: str) -> Json:
    for part in path:
        document = cast("Mapping[str, Json]", document)[part]
    return document


def published(version: Version, name: str) -> Json:
    return at(openapi_schema(version), "components", "schemas", name)


def references(document: Json) -> set[str]:
    if isinstance(document, Mapping):
        here = {cast("str", document["$ref"])} if "$ref" in document else set[str]()
        return here.union(*(references(one) for one in document.values()))
    if isinstance(document, Sequence) and not isinstance(document, str):
        return set[str]().union(*(references(one) for one in document))
    return set()


def test_a_field_is_published_with_title_limits_default_and_order() -> None:
    assert at(published(make_version(), "Input"), "properties", "num_outputs") == {
        "type": "integer",
        "title": "Num Outputs",
        "minimum": 1,
        "maximum": 8,
        "default": 1,
        "x-order": 1,
        "description": "How many.",
    }


def test_a_file_is_published_as_a_uri() -> None:
    field = at(published(make_version(), "Input"), "properties", "image")
    assert field == {
        "type": "string",
        "format": "uri",
        "title": "Image",
        "x-order": 0,
        "description": "A picture.",
    }


def test_an_enum_is_a_schema_of_its_own() -> None:
    assert at(published(make_version(), "Input"), "properties", "scheduler") == {
        "allOf": [{"$ref": "#/components/schemas/scheduler"}],
        "default": "DDIM",
        "x-order": 2,
        "description": "Which.",
    }
    assert published(make_version(), "scheduler") == {
        "enum": ("DDIM", "PNDM"),
        "type": "string",
        "title": "scheduler",
        "description": "An enumeration.",
    }


def test_a_default_of_false_is_published_and_one_of_none_is_not() -> None:
    properties = at(published(make_version(), "Input"), "properties")
    assert at(properties, "go_fast", "default") is False
    assert "default" not in cast("Mapping[str, Json]", at(properties, "seed"))


def test_required_lists_exactly_the_required_fields() -> None:
    assert at(published(make_version(), "Input"), "required") == ["image"]


def test_required_is_absent_when_nothing_is_required() -> None:
    document = published(make_version(inputs=FIELDS[1:]), "Input")
    assert "required" not in cast("Mapping[str, Json]", document)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (OutputKind.FILE, {"type": "string", "format": "uri"}),
        (OutputKind.FILES, {"type": "array", "items": {"type": "string", "format": "uri"}}),
        (
            OutputKind.TEXT,
            {
                "type": "array",
                "items": {"type": "string"},
                "x-cog-array-type": "iterator",
                "x-cog-array-display": "concatenate",
            },
        ),
    ],
)
def test_the_output_tells_its_kind(output: OutputKind, expected: Mapping[str, Json]) -> None:
    assert published(make_version(output=output), "Output") == {**expected, "title": "Output"}


def test_every_reference_leads_to_a_schema_of_the_document() -> None:
    document = openapi_schema(make_version())
    schemas = cast("Mapping[str, Json]", at(document, "components", "schemas"))
    found = references(cast("Json", document))
    assert "#/components/schemas/PredictionRequest" in found
    assert found <= {f"#/components/schemas/{name}" for name in schemas}


def test_the_document_holds_the_schemas_and_paths_that_cog_writes() -> None:
    document = openapi_schema(make_version())
    assert document["openapi"] == "3.0.2"
    assert at(document, "info", "title") == "Cog"
    assert {
        "Input",
        "Output",
        "PredictionRequest",
        "PredictionResponse",
        "Status",
        "WebhookEvent",
        "HTTPValidationError",
        "ValidationError",
    } <= set(cast("Mapping[str, Json]", at(document, "components", "schemas")))
    assert "/predictions/{prediction_id}/cancel" in cast("Mapping[str, Json]", document["paths"])


def test_a_request_names_its_version_only_where_that_is_asked() -> None:
    named = request_schema(make_version(), with_version=True)
    unnamed = request_schema(make_version(), with_version=False)
    assert (named["required"], unnamed["required"]) == (["version", "input"], ["input"])
    assert "version" not in cast("Mapping[str, Json]", unnamed["properties"])


def test_an_integer_without_limits_is_held_to_64_bits() -> None:
    schema = request_schema(make_version(), with_version=False)
    inputs = at(schema, "properties", "input", "properties")
    assert at(inputs, "seed") == {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
    assert at(inputs, "num_outputs") == {"type": "integer", "minimum": 1, "maximum": 8}
