"""Models and versions: what can be run, with which inputs, and by which kind of runner."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from darkroom.domain.ids import VersionId
from darkroom.domain.prediction import Milliseconds, Shape

JsonScalar: TypeAlias = str | int | float | bool | None
Json: TypeAlias = JsonScalar | Sequence["Json"] | Mapping[str, "Json"]
"""Any JSON value; only http/wire.py, domain/schema.py and the catalogue's reader handle it."""


class FieldType(StrEnum):
    """What an input takes; `FILE` is a string that is a URI of a file."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    FILE = "file"


class OutputKind(StrEnum):
    """What a version gives back."""

    FILE = "file"  # one file
    FILES = "files"  # a list of files
    TEXT = "text"  # a list of strings, shown joined, that grows while the run goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class InputField:
    """One named input of a version. `default` None means that the model itself decides."""

    name: str
    type: FieldType
    description: str
    required: bool = False
    default: JsonScalar = None
    minimum: float | None = None
    maximum: float | None = None
    choices: Sequence[JsonScalar] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """An immutable, runnable state of a model.

    Args:
        id: 64 lower-case hex digits.
        kind: the registered name of its runner.
        concurrency: how many runs one host may have of it at once.
        pixels: whether file inputs are pictures, decoded before they reach the runner.
        config: what the runner needs beyond the inputs; flat, the runner's own keys.
    """

    id: VersionId
    model: str
    kind: str
    inputs: Sequence[InputField]
    output: OutputKind
    created_at: Milliseconds
    concurrency: int = 1
    pixels: bool = False
    config: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def shape(self) -> Shape:
        """One output or a list of them."""
        return Shape.ONE if self.output is OutputKind.FILE else Shape.LIST

    @property
    def file_inputs(self) -> Sequence[str]:
        """Names of the inputs that are files."""
        return [one.name for one in self.inputs if one.type is FieldType.FILE]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A named thing that can be run, `owner/name`; `latest` is what its name runs."""

    owner: str
    name: str
    description: str
    official: bool
    latest: Version
    license_url: str | None = None
    paper_url: str | None = None
    github_url: str | None = None
    readme: str = ""

    @property
    def path(self) -> str:
        """The identifier without a version, `owner/name`."""
        return f"{self.owner}/{self.name}"
