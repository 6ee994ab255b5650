"""T10: a remote worker comes back, and its attempts go on with the server it came to."""

from collections.abc import Collection

from darkroom.domain.ids import PredictionId, VersionId
from darkroom.ports.predictions import Adopted, Holder, LiveAttempt, Resumed
from darkroom.store import rows
from darkroom.store.transitions.recipe import Transition

_KEEP_MS = 24 * 3600 * 1000
"""Far longer than any server takes a line for standing that is not."""


def adopt(holder: Holder, held: Collection[tuple[PredictionId, int]]) -> Transition[Adopted]:
    """T10 for each of *held* that is open and really of this life of its worker, which is here now.

    Strays are told, not touched: whoever gives them up names the server they were found with.
    """
    yield "forget_workers", {"keep_ms": _KEEP_MS}
    yield "come", {"worker": holder.worker, "incarnation": holder.incarnation}
    resumed: list[Resumed] = []
    orphans: list[LiveAttempt] = []
    for row in (yield "attempts_of_worker", {"worker": holder.worker}):
        *attempt, version, wanted = row
        live = rows.live_attempt(tuple(attempt))
        if live.holder != holder or (live.prediction, live.attempt) not in held:
            orphans.append(live)
            continue
        taken = yield (
            "adopt",
            {
                "id": live.prediction,
                "attempt": live.attempt,
                "worker": holder.worker,
                "incarnation": holder.incarnation,
            },
        )
        if taken:
            resumed.append(
                Resumed(
                    prediction=live.prediction,
                    attempt=live.attempt,
                    version=VersionId(str(version)),
                    wanted=wanted == 1,
                )
            )
    return Adopted(resumed=resumed, orphans=orphans)
