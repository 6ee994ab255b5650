"""Create bodies are checked as a whole and every fault is told at once, in the wire's words."""

from collections.abc import Mapping

import msgspec
import pytest

from darkroom.domain.errors import InvalidInput
from darkroom.domain.ids import VersionId
from darkroom.domain.model import FieldType, InputField, Json, OutputKind, Version
from darkroom.domain.prediction import Milliseconds
from darkroom.service.catalogue import load_catalogue
from darkroom.validation import compiled
from darkroom.validation.compiled import CompiledValidator

VERSION = Version(
    id=VersionId("a" * 64),
    model="acme/model",
    kind="echo",
    inputs=[
        InputField(name="prompt", type=FieldType.STRING, description="", required=True),
        InputField(name="image", type=FieldType.FILE, description="", required=True),
        InputField(name="format", type=FieldType.STRING, description="", choices=("jpg", "png")),
        InputField(name="steps", type=FieldType.INTEGER, description="", minimum=1, maximum=4),
        InputField(name="scale", type=FieldType.NUMBER, description="", minimum=0.5, maximum=20),
        InputField(name="fast", type=FieldType.BOOLEAN, description=""),
        InputField(name="seed", type=FieldType.INTEGER, description=""),
    ],
    output=OutputKind.FILE,
    created_at=Milliseconds(0),
)
GOOD: Mapping[str, Json] = {"prompt": "a", "image": "https://files.test/a.png"}

Told = tuple[str, str, str]


@pytest.fixture(scope="module")
def validator() -> CompiledValidator:
    return CompiledValidator()


def faults(validator: CompiledValidator, body: Json) -> list[Told]:
    try:
        validator.check(VERSION, body, with_version=False)
    except InvalidInput as error:
        return [(one.type, one.field, one.description) for one in error.fields]
    return []


def with_input(**changes: Json) -> Json:
    return {"input": {**GOOD, **changes}}


def no_integer(given: str) -> Told:
    words = f"Invalid type. Expected: integer, given: {given}"
    return ("invalid_type", "input.steps", words)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"steps": 1, "scale": 20, "format": "png", "fast": True, "seed": 0},
        {"steps": 2.0},
        {"scale": 1},
        {"seed": -(2**63)},
        {"prompt": ""},
        {"unknown": [{"deep": None}]},
        {"image": "data:image/png;base64,AAAA"},
        {"image": "data:,"},
        {"image": 'HTTPS://files.test/mein bild ü.png?x="y"'},
        {"image": "s3://bucket/key"},
    ],
)
def test_a_fitting_input_passes(validator: CompiledValidator, changes: dict[str, Json]) -> None:
    assert faults(validator, with_input(**changes)) == []


@pytest.mark.conformance(46, 47, 48)
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"format": "webp"},
            ("enum", "input.format", 'format must be one of the following: "jpg", "png"'),
        ),
        ({"steps": 0}, ("number_gte", "input.steps", "Must be greater than or equal to 1")),
        ({"steps": 5}, ("number_lte", "input.steps", "Must be less than or equal to 4")),
        ({"scale": 0.4}, ("number_gte", "input.scale", "Must be greater than or equal to 0.5")),
        ({"scale": 20.5}, ("number_lte", "input.scale", "Must be less than or equal to 20")),
        ({"steps": "25"}, no_integer("string")),
        ({"steps": 2.5}, no_integer("number")),
        ({"steps": 12.5}, no_integer("number")),
        ({"steps": True}, no_integer("boolean")),
        ({"steps": None}, no_integer("null")),
        ({"steps": [1]}, no_integer("array")),
        ({"steps": {}}, no_integer("object")),
        (
            {"prompt": 25.0},
            ("invalid_type", "input.prompt", "Invalid type. Expected: string, given: integer"),
        ),
        (
            {"fast": 1},
            ("invalid_type", "input.fast", "Invalid type. Expected: boolean, given: integer"),
        ),
        (
            {"format": 3},
            ("invalid_type", "input.format", "Invalid type. Expected: string, given: integer"),
        ),
        (
            {"image": 3},
            ("invalid_type", "input.image", "Invalid type. Expected: string, given: integer"),
        ),
        (
            {"seed": 2**63},
            ("number_lte", "input.seed", f"Must be less than or equal to {2**63 - 1}"),
        ),
        (
            {"seed": 10**400},
            ("number_lte", "input.seed", f"Must be less than or equal to {2**63 - 1}"),
        ),
    ],
)
def test_a_value_that_does_not_fit_has_one_fault(
    validator: CompiledValidator, changes: dict[str, Json], told: Told
) -> None:
    assert faults(validator, with_input(**changes)) == [told]


@pytest.mark.conformance(49)
@pytest.mark.parametrize(
    "image",
    [
        "",
        "photo.png",
        "./photo.png",
        "/etc/passwd",
        "//files.test/a.png",
        "C:\\photos\\a.png",
        " https://files.test/a.png",
        "https://files.test/a\n.png",
        "1http://files.test",
        ":data",
    ],
)
def test_a_file_that_is_no_uri_is_refused(validator: CompiledValidator, image: str) -> None:
    told = ("format", "input.image", "Does not match format 'uri'")
    assert faults(validator, with_input(image=image)) == [told]


def test_a_missing_input_is_told_of_its_parent(validator: CompiledValidator) -> None:
    assert faults(validator, {"input": {}}) == [
        ("required", "input", "prompt is required"),
        ("required", "input", "image is required"),
    ]


@pytest.mark.conformance(50)
def test_every_fault_is_told_at_once_and_in_order(validator: CompiledValidator) -> None:
    body: Json = {
        "colour": 1,
        "webhook": "nonsense",
        "input": {"seed": "x", "image": "here.png", "steps": 9, "format": "bmp"},
        "stream": "yes",
    }
    assert faults(validator, body) == [
        ("format", "webhook", "Not a valid HTTPS URL"),
        ("invalid_type", "stream", "Invalid type. Expected: boolean, given: string"),
        ("additional_property_not_allowed", "", "Additional property colour is not allowed"),
        ("required", "input", "prompt is required"),
        ("format", "input.image", "Does not match format 'uri'"),
        ("enum", "input.format", 'format must be one of the following: "jpg", "png"'),
        ("number_lte", "input.steps", "Must be less than or equal to 4"),
        ("invalid_type", "input.seed", "Invalid type. Expected: integer, given: string"),
    ]


def test_the_message_has_one_line_a_fault(validator: CompiledValidator) -> None:
    with pytest.raises(InvalidInput) as caught:
        validator.check(VERSION, {"input": {"prompt": "a"}, "model": "x"}, with_version=False)
    assert str(caught.value) == (
        "- Additional property model is not allowed\n- input: image is required\n"
    )


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, ("required", "", "input is required")),
        ([], ("invalid_type", "", "Invalid type. Expected: object, given: array")),
        (None, ("invalid_type", "", "Invalid type. Expected: object, given: null")),
        (
            {"input": "x"},
            ("invalid_type", "input", "Invalid type. Expected: object, given: string"),
        ),
        (
            {"input": GOOD, "version": "x"},
            ("additional_property_not_allowed", "", "Additional property version is not allowed"),
        ),
        (
            {"input": GOOD, "webhook_events_filter": ["completed"]},
            ("missing_dependency", "", "webhook_events_filter cannot be provided without webhook"),
        ),
        (
            {"input": GOOD, "webhook": "https://hooks.test", "webhook_events_filter": ["end"]},
            (
                "enum",
                "webhook_events_filter.0",
                "webhook_events_filter.0 must be one of the following: "
                '"start", "output", "logs", "completed"',
            ),
        ),
        (
            {"input": GOOD, "webhook": 3},
            ("invalid_type", "webhook", "Invalid type. Expected: string, given: integer"),
        ),
        (
            {"input": GOOD, "webhook": "https://hooks.test/" + "a" * 65536},
            ("string_lte", "webhook", "String length must be less than or equal to 65536"),
        ),
    ],
)
def test_a_fault_of_the_envelope_is_told(
    validator: CompiledValidator, body: Json, told: Told
) -> None:
    assert faults(validator, body) == [told]


@pytest.mark.parametrize(
    "webhook", ["", "hooks.test/x", "ftp://hooks.test", "https://", "http:///x"]
)
def test_a_webhook_that_is_no_web_address_is_refused(
    validator: CompiledValidator, webhook: str
) -> None:
    told = ("format", "webhook", "Not a valid HTTPS URL")
    assert faults(validator, {"input": GOOD, "webhook": webhook}) == [told]


@pytest.mark.parametrize(
    "envelope",
    [
        {"webhook": "https://hooks.test/x", "webhook_events_filter": ["start", "completed"]},
        {"webhook": "http://127.0.0.1:9000/x"},
        {"stream": True},
        {"stream": False, "webhook_completed": None, "is_training": False},
    ],
)
def test_what_clients_send_beside_input_passes(
    validator: CompiledValidator, envelope: dict[str, Json]
) -> None:
    assert faults(validator, {"input": GOOD, **envelope}) == []


def test_a_body_that_names_its_version_passes_where_that_is_asked(
    validator: CompiledValidator,
) -> None:
    validator.check(VERSION, {"version": "a" * 64, "input": GOOD}, with_version=True)
    with pytest.raises(InvalidInput, match="- version is required"):
        validator.check(VERSION, {"input": GOOD}, with_version=True)


def test_the_envelope_alone_wants_a_version(validator: CompiledValidator) -> None:
    with pytest.raises(InvalidInput) as caught:
        validator.check_envelope({"input": {"any": "thing"}, "model": "x"})
    assert [one.description for one in caught.value.fields] == [
        "version is required",
        "Additional property model is not allowed",
    ]
    with pytest.raises(InvalidInput, match="- version: Invalid type"):
        validator.check_envelope({"version": None, "input": {}})


def test_other_bodies_are_checked_each_by_its_own_schema(validator: CompiledValidator) -> None:
    one, other = _requiring("name"), _requiring("owner")
    for _ in range(2):
        validator.check_body(one, {"name": "a"})
        validator.check_body(other, {"owner": "a"})
        with pytest.raises(InvalidInput, match="- name is required"):
            validator.check_body(one, {"owner": "a"})


def _requiring(name: str) -> Mapping[str, Json]:
    return {"type": "object", "properties": {name: {"type": "string"}}, "required": [name]}


def test_a_value_nested_without_end_is_one_wrong_type(validator: CompiledValidator) -> None:
    deep = msgspec.json.decode(b"[" * 900 + b"]" * 900)
    body: Json = {"input": {**GOOD, "prompt": deep, "unknown": deep}}
    told = ("invalid_type", "input.prompt", "Invalid type. Expected: string, given: array")
    assert faults(validator, body) == [told]


def test_of_a_long_address_only_the_beginning_is_looked_at(validator: CompiledValidator) -> None:
    assert faults(validator, with_input(image="data:image/png;base64,\\")) == []
    assert faults(validator, with_input(image="https://files.test/" + "a" * 9000 + "\\")) == []
    assert faults(validator, with_input(image="https://files.test/" + "a" * 8000 + "\\"))


def test_two_versions_are_checked_by_their_own_schemas(validator: CompiledValidator) -> None:
    other = Version(
        id=VersionId("b" * 64),
        model="acme/other",
        kind="echo",
        inputs=[],
        output=OutputKind.FILE,
        created_at=Milliseconds(0),
    )
    validator.check(other, {"input": {}}, with_version=False)
    assert faults(validator, {"input": {}})


def test_only_so_many_schemas_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_MOST_KEPT", 2)
    validator = CompiledValidator()
    for one in load_catalogue({}).models():
        with pytest.raises(InvalidInput):
            validator.check(one.latest, {}, with_version=False)

    assert len(validator._kept) == 2  # pyright: ignore[reportPrivateUsage]  # it shows nowhere else


@pytest.mark.parametrize("tolerance", [-1, 3, 2.5, "2"])
def test_a_tolerance_that_the_hosted_model_does_not_take_is_refused(
    validator: CompiledValidator, tolerance: Json
) -> None:
    _, version = load_catalogue({}).resolve("flux-kontext-apps/multi-image-kontext-pro")
    image = "https://files.test/a.png"
    given: dict[str, Json] = {"prompt": "p", "input_image_1": image, "input_image_2": image}
    for allowed in (0, 1, 2):
        body: Json = {"input": {**given, "safety_tolerance": allowed}}
        validator.check(version, body, with_version=False)
    with pytest.raises(InvalidInput, match="safety_tolerance"):
        validator.check(
            version, {"input": {**given, "safety_tolerance": tolerance}}, with_version=False
        )
