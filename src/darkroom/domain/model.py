"""Models and versions: what can be run, with which inputs, and by which kind of runner."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from darkroom.domain.errors import VersionNotRunnable
from darkroom.domain.ids import DEFAULT_POOL, Owner, VersionId
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
class Hardware:
    """What a model may ask to run on."""

    sku: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """An immutable, runnable state of a model.

    Args:
        id: 64 lower-case hex digits.
        kind: the registered name of its runner.
        concurrency: how many runs one host may have of it at once.
        pixels: whether file inputs are pictures, decoded before they reach the runner.
        config: what the runner needs beyond the inputs; flat, the runner's own keys.
        pool: which workers may run it.
        trainer: what makes new versions from this one; itself a version that runs, never listed.
        base: of a trainer, the version it makes others from.
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
    pool: str = DEFAULT_POOL
    trainer: "Version | None" = None
    base: VersionId | None = None

    @property
    def shape(self) -> Shape:
        """One output or a list of them."""
        return Shape.ONE if self.output is OutputKind.FILE else Shape.LIST

    @property
    def file_inputs(self) -> Sequence[str]:
        """Names of the inputs that are files."""
        return [one.name for one in self.inputs if one.type is FieldType.FILE]


class Visibility(StrEnum):
    """Who sees a model and may run it: everybody with a key, or its owner."""

    PUBLIC = "public"
    PRIVATE = "private"


class Origin(StrEnum):
    """Where a model comes from, and so where it is changed."""

    SHIPPED = "shipped"  # with this release; also when the operator's file replaces what it runs
    DECLARED = "declared"  # in the operator's file
    MADE = "made"  # over the API


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A named thing that can be run, `owner/name`; `versions` are its versions, newest first.

    The latest version of a `pinned` one is kept loaded by every worker of its pool.
    """

    owner: str
    name: str
    description: str
    official: bool
    versions: Sequence[Version]
    created_at: Milliseconds
    origin: Origin = Origin.SHIPPED
    visibility: Visibility = Visibility.PUBLIC
    hardware: str | None = None
    license_url: str | None = None
    paper_url: str | None = None
    github_url: str | None = None
    cover_image_url: str | None = None
    weights_url: str | None = None
    readme: str = ""
    pinned: bool = False

    @property
    def path(self) -> str:
        """The identifier without a version, `owner/name`."""
        return f"{self.owner}/{self.name}"

    @property
    def latest(self) -> Version:
        """What its name runs.

        Raises:
            VersionNotRunnable: it has no version, or none any more.
        """
        if not self.versions:
            raise VersionNotRunnable(f"{self.path} has no version yet. Train one, then run it.")
        return self.versions[0]

    def seen_by(self, owner: Owner | None) -> bool:
        """Whether *owner* may see and run it; None stands for anybody."""
        return self.visibility is Visibility.PUBLIC or self.owner == owner
