"""What an operator may set of a pool of workers: `pools:` in `darkroom.yaml`."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator
from pydantic_core.core_schema import ValidationInfo

from darkroom.domain import durations
from darkroom.domain.ids import LOCAL_WORKERS, POOL_RULE, is_pool

_MOST_WORKERS = 1000
_DIGITS = 4
"""After the point; a cluster counts no finer."""
_OF_A_CLUSTER = frozenset({"CPU", "GPU", "memory", "object_store_memory", "bundle"})
"""Resources that a cluster knows under other words, or keeps for itself."""


def _countable(value: float) -> float:
    if round(value, _DIGITS) != value:
        raise ValueError(f"must have at most {_DIGITS} digits after the point")
    return value


_Amount = Annotated[
    float, Field(ge=0, le=1_000_000, allow_inf_nan=False), AfterValidator(_countable)
]


class PoolSettings(BaseModel):
    """How many workers a pool may have on a cluster, and what one of them takes there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min: int = Field(0, ge=0, le=_MOST_WORKERS)
    max: int = Field(ge=1, le=_MOST_WORKERS)
    idle: str = Field("5m", coerce_numbers_to_str=True)
    target_wait: str = Field("10s", coerce_numbers_to_str=True)
    gpus: _Amount = 1.0
    cpus: _Amount = 1.0
    resources: Mapping[str, _Amount] = Field(default_factory=dict[str, float])

    @field_validator("max")
    @classmethod
    def _not_below_the_least(cls, value: int, info: ValidationInfo) -> int:
        if value < info.data.get("min", 0):
            raise ValueError("must not be less than min")
        return value

    @field_validator("idle", "target_wait")
    @classmethod
    def _a_span(cls, value: str) -> str:
        if not durations.milliseconds(value):
            raise ValueError("must be a time such as 90s, 15m, 12h or 30d")
        return value

    @field_validator("gpus")
    @classmethod
    def _of_one_or_whole(cls, value: float) -> float:
        if value > 1 and not value.is_integer():
            raise ValueError("must be a whole number, or a part of one")
        return value

    @field_validator("resources")
    @classmethod
    def _of_names(cls, value: Mapping[str, float]) -> Mapping[str, float]:
        for name in value:
            if not (name and name.isascii() and name.isprintable()):
                raise ValueError(f"the name {name[:80]!r} must be of plain printable characters")
            if name in _OF_A_CLUSTER:
                raise ValueError(f"{name!r} is no name of yours; for GPU and CPU use gpus and cpus")
        return value

    @property
    def idle_seconds(self) -> float:
        """How long fewer workers must do before some go."""
        return _seconds(self.idle)

    @property
    def target_wait_seconds(self) -> float:
        """How long what waits shall wait at the most, as far as `max` allows."""
        return _seconds(self.target_wait)


def check_names(pools: Mapping[str, PoolSettings]) -> None:
    """Hold the names of pools against the rule for them.

    Raises:
        ValueError: one breaks it.
    """
    for name in pools:
        if f"{name}-".startswith(LOCAL_WORKERS):  # workers are named after their pool
            raise ValueError(f"the name {name!r} is kept for workers that a server starts itself")
        if not is_pool(name):
            raise ValueError(f"the name {name[:80]!r} {POOL_RULE}")


def _seconds(span: str) -> float:
    return (durations.milliseconds(span) or 0) / 1000
