"""What the configuration of a version says to this runner."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from darkroom.domain.errors import InvalidSetting
from darkroom.domain.families import SERVED, Family, Schema, fitting
from darkroom.domain.weights_address import TINY

_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Setup:
    """Which weights to load and whose inputs to understand.

    Args:
        weights: a folder; None makes tiny random weights within `tiny_folder`.
    """

    family: Family
    schema: Schema
    weights: Path | None
    tiny_folder: Path


def read_setup(config: Mapping[str, str]) -> Setup:
    """Read the keys `family`, `schema`, `weights` and, for `tiny` weights, `tiny_folder`.

    Without `schema` it is the hosted model that the family stands in for.

    Raises:
        InvalidSetting: a key is missing or makes no sense; it names the choices.
    """
    family = _choice(config, "family", Family)
    schema = _choice({"schema": SERVED[family][0], **config}, "schema", Schema)
    if schema not in SERVED[family]:
        families = ", ".join(fitting(schema))
        raise InvalidSetting(f"The schema {schema} needs a model of the family {families}.")
    weights = _text(config, "weights")
    if weights == TINY:
        return Setup(family, schema, None, Path(_text(config, "tiny_folder")))
    return Setup(family, schema, Path(weights), Path())


def _choice(config: Mapping[str, str], key: str, kind: type[_Choice]) -> _Choice:
    try:
        return kind(_text(config, key))
    except ValueError:
        choices = ", ".join(kind)
        raise InvalidSetting(f"{key} is {config[key]!r}; it must be one of {choices}.") from None


def _text(config: Mapping[str, str], key: str) -> str:
    if not config.get(key):
        raise InvalidSetting(f"The model's configuration lacks `{key}`.")
    return config[key]
