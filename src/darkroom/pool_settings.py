"""What an operator may set of a pool of workers: `pools:` in `darkroom.yaml`."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, field_validator
from pydantic_core.core_schema import ValidationInfo

from darkroom.domain import durations
from darkroom.domain.ids import LOCAL_WORKERS, POOL_RULE, is_pool

_MOST_WORKERS = 1000


class PoolSettings(BaseModel):
    """How many workers a pool may have on a cluster, and what one of them takes there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min: int = Field(0, ge=0, le=_MOST_WORKERS)
    max: int = Field(ge=1, le=_MOST_WORKERS)
    idle: str = Field("5m")
    target_wait: str = Field("10s")
    gpus: float = Field(1.0, ge=0)
    cpus: float = Field(1.0, ge=0)
    resources: Mapping[str, NonNegativeFloat] = Field(default_factory=dict[str, float])

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
            raise ValueError(
                f"{name!r} begins as a name kept for workers that a server starts itself"
            )
        if not is_pool(name):
            raise ValueError(f"the name {name[:80]!r} {POOL_RULE}")


def _seconds(span: str) -> float:
    return (durations.milliseconds(span) or 0) / 1000
