"""Requests that come more than once: T1 under an idempotency key, and what is kept of requests."""

from collections.abc import Sequence

from darkroom.domain.errors import StoreBusy
from darkroom.domain.ids import Owner, PredictionId
from darkroom.domain.prediction import Prediction
from darkroom.ports.predictions import Acceptance
from darkroom.ports.requests import KEY_MS, Remembered
from darkroom.store.rows import Row
from darkroom.store.transitions.accepting import accept
from darkroom.store.transitions.recipe import Transition


def accept_once(new: Acceptance, key: str, digest: str) -> Transition[Prediction | Remembered]:
    """T1 unless the key is known; then whatever it has made before."""
    known = yield from remembered(new.owner, key)
    if known is not None:
        return known
    accepted = yield from accept(new)
    kept = yield (
        "add_idempotency_key",
        {
            "owner": new.owner,
            "key": key,
            "digest": digest,
            "prediction_id": new.id,
            "keep_ms": KEY_MS,
        },
    )
    if not kept:
        # Another server was quicker: this change is undone, and run once more it sees the key.
        raise StoreBusy("Another server is just storing this Idempotency-Key. Send it again.")
    return accepted


def remembered(owner: Owner, key: str) -> Transition[Remembered | None]:
    """What an idempotency key has made, if it is not too old."""
    found = yield "idempotency_key", {"owner": owner, "key": key, "keep_ms": KEY_MS}
    return of_row(found[0]) if found else None


def forget(since: PredictionId, kept: Sequence[Remembered]) -> Transition[None]:
    """Forget the requests of predictions above an id, but for those *kept*."""
    yield "forget_requests", {"since": since}
    for one in kept:
        yield "remember_request", {"id": one.prediction, "digest": one.digest}


def withdraw(prediction: PredictionId, owner: Owner, key: str | None) -> Transition[None]:
    """Forget the request that made one prediction, and its idempotency key."""
    yield "remember_request", {"id": prediction, "digest": None}
    if key is not None:
        yield (
            "withdraw_idempotency_key",
            {"owner": owner, "key": key, "prediction_id": prediction},
        )


def of_row(row: Row) -> Remembered:
    """A prediction's id and its request's digest."""
    id_, digest = row
    return Remembered(prediction=PredictionId(str(id_)), digest=str(digest))
