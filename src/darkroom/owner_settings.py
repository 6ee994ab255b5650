"""What an operator may grant to one owner, as it is written under `owners:`."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from darkroom.domain.ids import OWNER_RULE, is_owner


class OwnerSettings(BaseModel):
    """Terms of one owner; what is left out is as for all others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _with_names(cls, value: object) -> object:
        named: object = value
        if not isinstance(value, dict | OwnerSettings):
            raise ValueError(  # noqa: TRY004  # pydantic tells this one as a fault of the setting
                "must name what is granted, such as {weight: 3}; "
                f"there are {', '.join(cls.model_fields)}"
            )
        return named

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


def _named_well(owners: Mapping[str, OwnerSettings]) -> Mapping[str, OwnerSettings]:
    for name in owners:
        if not is_owner(name):
            raise ValueError(f"the name {name[:80]!r} {OWNER_RULE}")
    return owners


TermsOfOwners = Annotated[Mapping[str, OwnerSettings], AfterValidator(_named_well)]
"""What is granted to whom."""
