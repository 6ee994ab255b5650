"""What the configuration of a version says to this runner."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from darkroom.domain.errors import InvalidSetting
from darkroom.domain.families import SERVED, Family, Schema, fitting
from darkroom.domain.weights_address import BASE, TINY
from darkroom.domain.weights_wants import read_loras
from darkroom.engine.sources import Adapter, Sources

_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Setup:
    """Which weights to load and whose inputs to understand.

    Args:
        weights: a folder, or a single file; None makes tiny random weights within `tiny_folder`.
        base: the folder that completes a single file.
        loras: adapters that are put on the weights.
    """

    family: Family
    schema: Schema
    weights: Path | None
    tiny_folder: Path
    base: Path | None = None
    loras: Sequence[Adapter] = ()

    def sources(self, folder: Path) -> Sources:
        """What the pipeline is loaded from.

        Args:
            folder: the weights if they are one, else the folder of tiny weights.
        """
        if self.base is None:
            return Sources(folder=folder, loras=self.loras)
        return Sources(folder=self.base, single_file=folder, loras=self.loras)


def read_setup(config: Mapping[str, str]) -> Setup:
    """Read the keys `family`, `schema`, `weights`, `base`, `loras`; for `tiny` `tiny_folder`.

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
    base = Path(config[BASE]) if config.get(BASE) else None
    loras = [Adapter(file=Path(one.weights), scale=one.scale) for one in read_loras(config)]
    return Setup(family, schema, Path(weights), Path(), base, loras)


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
