"""T1 and T2: a prediction is accepted, and claimed by a worker."""

from collections.abc import Sequence
from typing import cast

from darkroom.domain.events import NO_METRICS
from darkroom.domain.ids import PredictionId, VersionId
from darkroom.domain.prediction import InputFile, Milliseconds, Prediction, Status
from darkroom.ports.predictions import Acceptance, Holder
from darkroom.store import rows
from darkroom.store.rows import Parameters
from darkroom.store.transitions.reading import complete
from darkroom.store.transitions.recipe import Call, Transition


def accept(new: Acceptance) -> Transition[Prediction]:
    """T1, and T2 in the same breath if a holder is named."""
    claimed = int(new.holder is not None)
    calls: list[Call] = [("add_input", {"id": new.id, "input": new.input})]
    calls += [("add_item", _spooled(new.id, file)) for file in new.input_files if file.spooled]
    if new.holder is not None:
        calls.append(("lease", _lease(new.id, 1, new.holder)))
    accepted: Call = (
        "accept",
        {
            "id": new.id,
            "owner": new.owner,
            "model": new.model,
            "version": new.version,
            "shape": new.shape,
            "input_files": rows.json_text(new.input_files) if new.input_files else rows.NO_LIST,
            "webhook": new.webhook,
            "webhook_events": rows.json_text(new.webhook_events),
            "webhook_site": new.webhook_site,
            "deployment": new.deployment,
            "destination": new.destination,
            "request_digest": new.request_digest,
            "pool": new.pool,
            "priority": new.priority,
            "fair_key": new.fair_key,
            "claimed": claimed,
            "cancel_after_ms": new.cancel_after_ms,
        },
    )
    added = yield [accepted, *calls]
    created_at, deadline_at = cast("tuple[Milliseconds, Milliseconds | None]", added[0])
    return _accepted(new, claimed, created_at, deadline_at)


def _accepted(
    new: Acceptance, claimed: int, created_at: Milliseconds, deadline_at: Milliseconds | None
) -> Prediction:
    return Prediction(
        id=new.id,
        owner=new.owner,
        model=new.model,
        version=new.version,
        input=new.input,
        input_files=new.input_files,
        shape=new.shape,
        status=Status.STARTING,
        attempt=claimed,
        claimed=claimed == 1,
        created_at=created_at,
        started_at=None,
        completed_at=None,
        output=(),
        error=None,
        logs="",
        metrics=NO_METRICS,
        webhook=new.webhook,
        webhook_events=new.webhook_events,
        webhook_site=new.webhook_site,
        deadline_at=deadline_at,
        event_count=0,
        deployment=new.deployment,
        destination=new.destination,
    )


def claim(
    versions: Sequence[VersionId], holder: Holder, most: int
) -> Transition[Sequence[Prediction]]:
    """T2 for up to *most* waiting predictions, first in turn of all these versions first."""
    waiting: list[tuple[int, float, str]] = []
    for version in versions:
        found = yield "peek", {"version": version, "most": most}
        turns = cast("list[tuple[str, int, float]]", found)
        waiting.extend((-priority, fair_key, id_) for id_, priority, fair_key in turns)
    claimed: list[Prediction] = []
    for _, _, id_ in sorted(waiting)[:most]:
        for row in (yield "claim", {"id": id_}):
            lease = _lease(PredictionId(id_), rows.attempt(row), holder)
            prediction = yield from complete(row, ("lease", lease))
            claimed.append(prediction)
    return claimed


def repool(version: VersionId, pool: str) -> Transition[int]:
    """Let what waits for *version* wait in *pool*; returns how many waited in another."""
    return len((yield "repool", {"version": version, "pool": pool}))


def _lease(id_: PredictionId, attempt: int, holder: Holder) -> Parameters:
    return {
        "id": id_,
        "attempt": attempt,
        "worker": holder.worker,
        "incarnation": holder.incarnation,
        "remote": int(holder.remote),
    }


def _spooled(id_: PredictionId, file: InputFile) -> Parameters:
    return {
        "id": id_,
        "attempt": 0,
        "place": file.index,
        "n": None,
        "value": None,
        "store_key": file.key,
        "name": f"input-{file.index}",
        "content_type": file.content_type,
        "size_bytes": file.size_bytes,
        "sha256": "",
    }
