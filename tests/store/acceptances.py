"""The smallest prediction that a store accepts."""

from darkroom.domain.ids import Owner, PredictionId, VersionId, WorkerId
from darkroom.domain.prediction import JsonText, Shape
from darkroom.ports.predictions import Acceptance, Asking, Holder

HOLDER = Holder(worker=WorkerId("w"), incarnation=1)
ADA = Owner("ada")


def acceptance(id_: str, *, holder: Holder | None = None) -> Acceptance:
    return Acceptance(
        id=PredictionId(id_),
        owner=ADA,
        model="m/n",
        version=VersionId("v"),
        shape=Shape.ONE,
        input=JsonText("{}"),
        holder=holder,
    )


def asking(most: int = 1, *, version: str = "v", holder: Holder = HOLDER) -> Asking:
    """A worker that takes one version, loaded or not."""
    return Asking(holder=holder, bonuses={VersionId(version): 0.0}, most=most)
