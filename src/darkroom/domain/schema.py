"""JSON Schemas of a version: the OpenAPI document it publishes, and the one its requests fit.

Source: the OpenAPI documents that Cog writes into model images and Replicate shows as a
version's `openapi_schema`; clients read `Input`, `Output`, `x-order` and the `x-cog-…` keys.
"""

from collections.abc import Mapping

from darkroom.domain.model import FieldType, InputField, Json, OutputKind, Version

WEBHOOK_EVENTS = ("start", "output", "logs", "completed")
WIDEST_INTEGER = 2**63 - 1

_WEBHOOK: Mapping[str, Json] = {"type": "string", "format": "uri", "maxLength": 65536}

_TYPES: Mapping[FieldType, Mapping[str, Json]] = {
    FieldType.STRING: {"type": "string"},
    FieldType.INTEGER: {"type": "integer"},
    FieldType.NUMBER: {"type": "number"},
    FieldType.BOOLEAN: {"type": "boolean"},
    FieldType.FILE: {"type": "string", "format": "uri"},
}
_OUTPUTS: Mapping[OutputKind, Mapping[str, Json]] = {
    OutputKind.FILE: {"type": "string", "title": "Output", "format": "uri"},
    OutputKind.FILES: {
        "type": "array",
        "title": "Output",
        "items": {"type": "string", "format": "uri"},
    },
    OutputKind.TEXT: {
        "type": "array",
        "title": "Output",
        "items": {"type": "string"},
        "x-cog-array-type": "iterator",
        "x-cog-array-display": "concatenate",
    },
}
_TITLES = {"loc": "Location", "msg": "Message", "type": "Error Type"}


def openapi_schema(version: Version) -> dict[str, Json]:
    """The OpenAPI 3.0.2 document of *version*, as Cog would write it.

    Fields keep their published order, also as `x-order` from 0. An enum is a schema of its own,
    named like the field.
    """
    return {
        "openapi": "3.0.2",
        "info": {"title": "Cog", "version": "0.1.0"},
        "paths": _paths(trainable=version.trainer is not None),
        "components": {
            "schemas": {
                **_training(version),
                "Input": _input("Input", version),
                **{one.name: _enum(one) for one in version.inputs if one.choices},
                "Output": _OUTPUTS[version.output],
                **_messages(),
            }
        },
    }


def request_schema(version: Version, *, with_version: bool) -> dict[str, Json]:
    """The JSON Schema (draft 7) of a whole create body for *version*.

    Unknown keys are refused beside `input` and ignored inside it. Integers without limits get
    those of 64 bits, so that any seed can travel.

    Args:
        version: what will run.
        with_version: whether the body names the version; otherwise the path does.
    """
    required: list[Json] = [one.name for one in version.inputs if one.required]
    properties: dict[str, Json] = {one.name: _checked(one) for one in version.inputs}
    inputs: dict[str, Json] = {"type": "object", "required": required, "properties": properties}
    return _envelope(inputs, with_version=with_version)


def envelope_schema() -> dict[str, Json]:
    """The JSON Schema of a create body of which no version is known yet."""
    return _envelope({"type": "object"}, with_version=True)


def _envelope(inputs: Mapping[str, Json], *, with_version: bool) -> dict[str, Json]:
    named: dict[str, Json] = {"version": {"type": "string"}} if with_version else {}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [*named, "input"],
        "properties": {
            **named,
            "input": inputs,
            "webhook": _WEBHOOK,
            "webhook_events_filter": {
                "type": "array",
                "items": {"type": "string", "enum": WEBHOOK_EVENTS},
            },
            "stream": {"type": "boolean"},
            "webhook_completed": {**_WEBHOOK, "type": ["string", "null"]},
            "is_training": True,
        },
        "dependencies": {"webhook_events_filter": ["webhook"]},
    }


def _checked(one: InputField) -> dict[str, Json]:
    limits = _limits(one)
    if one.type is FieldType.INTEGER:
        limits = {"minimum": -WIDEST_INTEGER - 1, "maximum": WIDEST_INTEGER, **limits}
    choices: dict[str, Json] = {"enum": one.choices} if one.choices else {}
    return {**_TYPES[one.type], **limits, **choices}


def _limits(one: InputField) -> dict[str, Json]:
    limits: dict[str, Json] = {"minimum": one.minimum, "maximum": one.maximum}
    return {key: value for key, value in limits.items() if value is not None}


# ── the published document ──────────────────────────────────────────────────────────────────


def _training(version: Version) -> dict[str, Json]:
    """What a version's trainer takes and gives; nothing where there is none."""
    if version.trainer is None:
        return {}
    inputs = version.trainer.inputs
    return {
        "TrainingInput": _input("TrainingInput", version.trainer),
        **{one.name: _enum(one) for one in inputs if one.choices},
        "TrainingOutput": _object(
            "TrainingOutput", version=_text("Version"), weights=_text("Weights", "uri")
        ),
    }


def _input(title: str, version: Version) -> dict[str, Json]:
    required: list[Json] = [one.name for one in version.inputs if one.required]
    published: dict[str, Json] = {"type": "object", "title": title}
    if required:
        published["required"] = required
    published["properties"] = {
        one.name: _property(one, order) for order, one in enumerate(version.inputs)
    }
    return published


def _property(one: InputField, order: int) -> dict[str, Json]:
    if one.choices:
        published: dict[str, Json] = {"allOf": [_ref(one.name)]}
    else:
        title = one.name.replace("_", " ").title()
        published = {**_TYPES[one.type], "title": title, **_limits(one)}
    if one.default is not None:
        published["default"] = one.default
    return {**published, "x-order": order, "description": one.description}


def _enum(one: InputField) -> dict[str, Json]:
    return {
        "enum": one.choices,
        "type": _TYPES[one.type]["type"],
        "title": one.name,
        "description": "An enumeration.",
    }


def _messages() -> dict[str, Json]:
    """What Cog's own server takes and gives, the same for every version."""
    return {
        "Status": _words("Status", "starting", "processing", "succeeded", "canceled", "failed"),
        "WebhookEvent": _words("WebhookEvent", *WEBHOOK_EVENTS),
        "PredictionRequest": _object(
            "PredictionRequest",
            id=_text("Id"),
            input=_ref("Input"),
            created_at=_text("Created At", "date-time"),
            webhook=_text("Webhook", "uri"),
            webhook_events_filter={
                "type": "array",
                "items": _ref("WebhookEvent"),
                "default": WEBHOOK_EVENTS,
            },
        ),
        "PredictionResponse": _object(
            "PredictionResponse",
            id=_text("Id"),
            version=_text("Version"),
            input=_ref("Input"),
            output=_ref("Output"),
            status=_ref("Status"),
            error=_text("Error"),
            logs={**_text("Logs"), "default": ""},
            metrics={"type": "object", "title": "Metrics"},
            created_at=_text("Created At", "date-time"),
            started_at=_text("Started At", "date-time"),
            completed_at=_text("Completed At", "date-time"),
        ),
        **_faults(),
    }


def _faults() -> dict[str, Json]:
    place: dict[str, Json] = {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    fault = _object(
        "ValidationError",
        loc={"type": "array", "title": _TITLES["loc"], "items": place},
        msg=_text(_TITLES["msg"]),
        type=_text(_TITLES["type"]),
    )
    faults: dict[str, Json] = {
        "type": "array",
        "title": "Detail",
        "items": _ref("ValidationError"),
    }
    return {
        "ValidationError": {**fault, "required": list(_TITLES)},
        "HTTPValidationError": _object("HTTPValidationError", detail=faults),
    }


def _object(title: str, **properties: Json) -> dict[str, Json]:
    return {"type": "object", "title": title, "properties": properties}


def _text(title: str, form: str | None = None) -> dict[str, Json]:
    return {"type": "string", "title": title, **({"format": form} if form else {})}


def _words(title: str, *words: str) -> dict[str, Json]:
    return {"enum": words, "type": "string", "title": title, "description": "An enumeration."}


def _ref(name: str) -> dict[str, Json]:
    return {"$ref": f"#/components/schemas/{name}"}


# ── its paths ───────────────────────────────────────────────────────────────────────────────


def _paths(*, trainable: bool) -> dict[str, Json]:
    prediction_id: Json = {
        "name": "prediction_id",
        "in": "path",
        "required": True,
        "schema": _text("Prediction ID"),
    }
    body = _content("PredictionRequest")
    return {
        "/": {"get": _operation("Root")},
        "/health-check": {"get": _operation("Healthcheck")},
        "/predictions": {
            "post": _operation("Predict", answer="PredictionResponse", requestBody=body)
        },
        "/predictions/{prediction_id}": {
            "put": _operation(
                "Predict Idempotent",
                answer="PredictionResponse",
                parameters=[prediction_id],
                requestBody={**body, "required": True},
            )
        },
        "/predictions/{prediction_id}/cancel": {
            "post": _operation("Cancel", parameters=[prediction_id])
        },
        "/shutdown": {"post": _operation("Start Shutdown")},
        **({"/trainings": _train()} if trainable else {}),
    }


def _train() -> dict[str, Json]:
    return {
        "post": _operation("Train", answer="TrainingOutput", requestBody=_content("TrainingInput"))
    }


def _operation(summary: str, *, answer: str | None = None, **parts: Json) -> dict[str, Json]:
    content: dict[str, Json] = {"content": {"application/json": {"schema": {}}}}
    good: dict[str, Json] = {
        "description": "Successful Response",
        **(_content(answer) if answer else content),
    }
    bad: dict[str, Json] = {"description": "Validation Error", **_content("HTTPValidationError")}
    return {
        "summary": summary,
        "operationId": summary.lower().replace(" ", "_"),
        **parts,
        "responses": {"200": good, **({"422": bad} if parts else {})},
    }


def _content(name: str) -> dict[str, Json]:
    return {"content": {"application/json": {"schema": _ref(name)}}}
