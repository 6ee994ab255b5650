"""What an operator may set of the engine: how models are computed. Part of `Settings`."""

from collections.abc import Sequence
from typing import Annotated, Literal, cast

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

from darkroom.engine.settings import (
    BATCHES_RULE,
    MOST_ROWS,
    BackendChoice,
    EngineSettings,
    Precision,
    ascending,
)


class EngineFields(BaseSettings):
    """Knobs of the engine, by the names of `darkroom.yaml`."""

    engine_backend: Literal["auto", "eager", "compile", "openvino"] = Field(
        "auto", description="Who computes: PyTorch as it is, compiled, or OpenVINO on the CPU."
    )
    engine_dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Precision; `auto` is float32 on a CPU, bfloat16 on a card that has it."
    )
    engine_batches: Annotated[tuple[int, ...], NoDecode] = Field(
        (), description="Rows that a compiled model is made for, such as 1,2,4; empty for its own."
    )
    engine_reproducible_rows: int = Field(
        0,
        ge=0,
        le=MOST_ROWS,
        description="Rows of every step, so that no picture depends on others; 0 lets them vary.",
    )
    engine_memory_bytes: int = Field(
        0, ge=0, description="Memory of the device for models and pictures; 0 takes what there is."
    )

    engine_runs: int = Field(
        8,
        ge=1,
        le=MOST_ROWS,
        description="Predictions of diffusers models a worker has under way at once.",
    )

    @field_validator("engine_batches", mode="before")
    @classmethod
    def _sizes(cls, value: object) -> object:
        if isinstance(value, str):
            parts: list[object] = [part for part in value.split(",") if part.strip()]
        else:
            parts = (
                [*cast("Sequence[object]", value)] if isinstance(value, list | tuple) else [value]
            )
        try:
            return ascending(tuple(int(str(part)) for part in parts))
        except ValueError:
            raise ValueError(BATCHES_RULE) from None

    @property
    def engine(self) -> EngineSettings:
        """The same as the engine takes it, without a cache."""
        return EngineSettings(
            backend=BackendChoice(self.engine_backend),
            dtype=Precision(self.engine_dtype),
            batches=self.engine_batches,
            reproducible_rows=self.engine_reproducible_rows,
            memory_bytes=self.engine_memory_bytes,
        )
