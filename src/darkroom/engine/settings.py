"""How an engine computes, as the operator set it; how that reaches a host. No torch in here.

The worker hands a host these variables and no others of darkroom's; the host reads them once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from darkroom.domain.errors import InvalidSetting

PREFIX = "DARKROOM_ENGINE_"
MOST_ROWS = 64
"""No batch is larger: beyond it nothing is gained, and a result would wait for too many others."""

BATCHES_RULE = f"must be whole numbers from 1 to {MOST_ROWS} with commas, such as 1,2,4"

_Choice = TypeVar("_Choice", bound=StrEnum)


class BackendChoice(StrEnum):
    """Who computes the modules of a pipeline."""

    AUTO = "auto"
    EAGER = "eager"
    COMPILE = "compile"
    OPENVINO = "openvino"


class Precision(StrEnum):
    """Numbers to compute with."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """How an engine computes.

    Args:
        backend: `auto` is eager on every device.
        dtype: `auto` is float32 on a CPU, bfloat16 on CUDA, float16 on cards too old for that.
        batches: rows that a compiled denoiser is made for, ascending, each from 1 to `MOST_ROWS`;
            empty leaves it to the backend.
        reproducible_rows: every call of the denoiser takes exactly as many rows, so that a
            picture does not depend on its neighbours; 0 lets them vary.
        memory_bytes: of the device, for weights and rows; 0 takes what is measured.
        cache: where compiled models are kept between starts; None keeps none.
    """

    backend: BackendChoice = BackendChoice.AUTO
    dtype: Precision = Precision.AUTO
    batches: tuple[int, ...] = ()
    reproducible_rows: int = 0
    memory_bytes: int = 0
    cache: Path | None = None

    def variables(self) -> dict[str, str]:
        """What `read_settings` makes the same value of again."""
        told = {
            "BACKEND": self.backend.value,
            "DTYPE": self.dtype.value,
            "BATCHES": ",".join(map(str, self.batches)),
            "REPRODUCIBLE_ROWS": str(self.reproducible_rows),
            "MEMORY_BYTES": str(self.memory_bytes),
            "CACHE": str(self.cache or ""),
        }
        return {PREFIX + name: value for name, value in told.items()}


def read_settings(environment: Mapping[str, str]) -> EngineSettings:
    """Read `DARKROOM_ENGINE_…`; what is missing or empty is at its default.

    Raises:
        InvalidSetting: a value makes no sense; names the variable and the choices.
    """
    given = {name: environment.get(PREFIX + name, "") for name in _NAMES}
    return EngineSettings(
        backend=_choice(BackendChoice, "BACKEND", given["BACKEND"]),
        dtype=_choice(Precision, "DTYPE", given["DTYPE"]),
        batches=_batches(given["BATCHES"]),
        reproducible_rows=_number("REPRODUCIBLE_ROWS", given["REPRODUCIBLE_ROWS"], MOST_ROWS),
        memory_bytes=_number("MEMORY_BYTES", given["MEMORY_BYTES"]),
        cache=Path(given["CACHE"]) if given["CACHE"] else None,
    )


def ascending(rows: tuple[int, ...]) -> tuple[int, ...]:
    """Sizes of batches, each once and in order.

    Raises:
        ValueError: one is not a size; says which are.
    """
    if not all(1 <= size <= MOST_ROWS for size in rows):
        raise ValueError(BATCHES_RULE)
    return tuple(sorted(set(rows)))


_NAMES = ("BACKEND", "DTYPE", "BATCHES", "REPRODUCIBLE_ROWS", "MEMORY_BYTES", "CACHE")


def _choice(kind: type[_Choice], name: str, value: str) -> _Choice:
    try:
        return kind(value or "auto")
    except ValueError:
        choices = ", ".join(kind)
        raise InvalidSetting(f"{PREFIX}{name} is {value!r}; it must be one of {choices}.") from None


def _batches(value: str) -> tuple[int, ...]:
    try:
        return ascending(tuple(int(part) for part in value.split(",") if part.strip()))
    except ValueError:
        raise InvalidSetting(f"{PREFIX}BATCHES is {value!r}; it {BATCHES_RULE}.") from None


def _number(name: str, value: str, most: int | None = None) -> int:
    if not value:
        return 0
    if not value.isdecimal() or (most is not None and int(value) > most):
        limit = f"to {most}" if most is not None else "on"
        raise InvalidSetting(
            f"{PREFIX}{name} is {value!r}; it must be a whole number from 0 {limit}."
        )
    return int(value)
