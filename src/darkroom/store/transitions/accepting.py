"""T1: a prediction is accepted, and claimed in the same breath if a worker is there."""

from typing import cast

from darkroom.domain.events import NO_METRICS
from darkroom.domain.ids import PredictionId, VersionId
from darkroom.domain.prediction import InputFile, Milliseconds, Prediction, Status
from darkroom.ports.predictions import Acceptance, Holder
from darkroom.store import rows
from darkroom.store.rows import Parameters
from darkroom.store.transitions.recipe import Call, Transition


def accept(new: Acceptance) -> Transition[Prediction]:
    """T1, and T2 in the same breath if a holder is named."""
    claimed = int(new.holder is not None)
    gate = (yield from _gate(new)) if new.limited else 0
    calls: list[Call] = [("add_input", {"id": new.id, "input": new.input})]
    calls += [("add_item", _spooled(new.id, file)) for file in new.input_files if file.spooled]
    if new.holder is not None:
        calls.append(("lease", lease(new.id, 1, new.holder)))
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
            "gate": gate,
            "claimed": claimed,
            "cancel_after_ms": new.cancel_after_ms,
        },
    )
    added = yield [accepted, *calls]
    created_at, deadline_at = cast("tuple[Milliseconds, Milliseconds | None]", added[0])
    return _accepted(new, claimed, created_at, deadline_at)


def _gate(new: Acceptance) -> Transition[int]:
    """2 if another one of its owner's line stands before it, else 1.

    While another server decides about that line, 1 is never wrong: the claim counts anyway.
    """
    if new.holder is not None:
        return 1
    ((alone,),) = yield "owner_alone", {"owner": new.owner}
    if not alone:
        return 1
    line = {"owner": new.owner, "version": new.version, "priority": new.priority}
    return 2 if (yield "first_in_line", line) else 1


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


def repool(version: VersionId, pool: str) -> Transition[int]:
    """Let what waits for *version* wait in *pool*; returns how many waited in another."""
    return len((yield "repool", {"version": version, "pool": pool}))


def lease(id_: PredictionId, attempt: int, holder: Holder) -> Parameters:
    """The row of an attempt that begins."""
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
