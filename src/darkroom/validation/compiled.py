"""The validator of create bodies: one compiled schema a version, made once and kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from jsonschema_rs import Draft7Validator

from darkroom.domain.errors import InvalidInput
from darkroom.domain.ids import VersionId
from darkroom.domain.model import Json, Version
from darkroom.domain.schema import envelope_schema, request_schema
from darkroom.validation.addresses import is_uri, is_web_address
from darkroom.validation.wording import Fault, faults_of, format_fault, in_order

NO_URI = "Does not match format 'uri'"
NO_NUL = "Must not contain the character U+0000"
NO_WEB_ADDRESS = "Not a valid HTTPS URL"
_DEEPEST = 64
_MOST_KEPT = 1024
_WEB_ADDRESSES = ("webhook", "webhook_completed")


class CompiledValidator:
    """An `InputValidator` on jsonschema-rs.

    The compiled schema looks at the decoded objects where they lie; nothing is copied, so a
    picture of 20 MB in a data: URL costs what a short one costs. Addresses are therefore
    checked here and not by the library, which would copy them.
    """

    def __init__(self) -> None:
        self._envelope = _Compiled.of(envelope_schema(), inputs=(), files=())
        self._kept: dict[tuple[VersionId, bool], _Compiled] = {}
        self._bodies: dict[int, tuple[Mapping[str, Json], _Compiled]] = {}

    def check(self, version: Version, body: Json, *, with_version: bool) -> None:
        """Check a whole create body; see the port."""
        key = version.id, with_version
        compiled = self._kept.get(key)
        if compiled is None:
            if len(self._kept) >= _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            compiled = self._kept[key] = _Compiled.of(
                request_schema(version, with_version=with_version),
                inputs=[one.name for one in version.inputs],
                files=version.file_inputs,
            )
        compiled.check(body)

    def check_envelope(self, body: Json) -> None:
        """Check a body whose version is not known; see the port."""
        self._envelope.check(body)

    def check_body(self, schema: Mapping[str, Json], body: Json) -> None:
        """Check the body of any other request; see the port."""
        # Keeping the schema keeps its identity from being given to another.
        kept = self._bodies.get(id(schema))
        if kept is None:
            kept = schema, _Compiled.of(schema, inputs=(), files=())
            self._bodies[id(schema)] = kept
        kept[1].check(body)
        # These bodies are kept as texts, not as JSON, which spells the character as an escape.
        texts = body.items() if isinstance(body, Mapping) else ()
        wrong = [name for name, value in texts if isinstance(value, str) and "\0" in value]
        if wrong:
            raise InvalidInput([format_fault((name,), NO_NUL).told for name in wrong])


@dataclass(frozen=True, slots=True)
class _Compiled:
    validator: Draft7Validator
    names: Sequence[str]
    inputs: Sequence[str]
    files: Sequence[str]

    @classmethod
    def of(
        cls, schema: Mapping[str, Json], *, inputs: Sequence[str], files: Sequence[str]
    ) -> "_Compiled":
        validator = Draft7Validator(cast("dict[str, Any]", schema), validate_formats=False)
        names = list(cast("Mapping[str, Json]", schema["properties"]))
        return cls(validator, names, inputs, files)

    def check(self, body: Json) -> None:
        addresses = self._bad_addresses(body)
        if not addresses and self.validator.is_valid(body):
            return
        shallow = _pruned(body, _DEEPEST)
        errors = self.validator.iter_errors(cast("Any", shallow))
        faults = [fault for error in errors for fault in faults_of(error)]
        faults += addresses
        raise InvalidInput([one.told for one in in_order(faults, self.names, self.inputs)])

    def _bad_addresses(self, body: Json) -> list[Fault]:
        """Faults of addresses; other types than strings are the schema's business."""
        found: list[Fault] = []
        if not isinstance(body, Mapping):
            return found
        for name in _WEB_ADDRESSES:
            value = body.get(name)
            if isinstance(value, str) and not is_web_address(value):
                found.append(format_fault((name,), NO_WEB_ADDRESS))
        inputs = body.get("input")
        if isinstance(inputs, Mapping):
            for name in self.files:
                value = inputs.get(name)
                if isinstance(value, str) and not is_uri(value):
                    found.append(format_fault(("input", name), NO_URI))
        return found


def _pruned(value: Json, depth: int) -> Json:
    """A copy without what lies deeper than *depth*: the library refuses to tell of it."""
    match value:
        case Mapping():
            return {key: _pruned(one, depth - 1) for key, one in value.items()} if depth else {}
        case list() | tuple():
            return [_pruned(one, depth - 1) for one in value] if depth else []
        case _:
            return value
