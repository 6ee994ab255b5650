"""What an operator may grant to one owner, as it is written under `owners:`."""

from pydantic import BaseModel, ConfigDict, Field


class OwnerSettings(BaseModel):
    """Terms of one owner; what is left out is as for all others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: float = Field(
        1.0,
        ge=0.001,
        le=1000.0,
        allow_inf_nan=False,
        description="Its share of the workers beside others that wait.",
    )
    priority: int = Field(
        0, ge=-10, le=10, description="What has a higher one is run first, whatever else waits."
    )
    running: int | None = Field(
        None, ge=0, description="Its predictions that run at once; 0 for any number."
    )
    queued: int | None = Field(
        None, ge=0, description="Its predictions that have not ended; 0 for any number."
    )
