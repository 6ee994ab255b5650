"""The smallest prediction that a store accepts."""

from darkroom.domain.ids import Owner, PredictionId, VersionId, WorkerId
from darkroom.domain.prediction import JsonText, Shape
from darkroom.ports.predictions import Acceptance, Holder

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
