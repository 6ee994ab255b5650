"""Rows to domain values and back."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

import msgspec

from darkroom.domain.events import Event, EventKind
from darkroom.domain.ids import Owner, PredictionId, ServerId, VersionId, WorkerId
from darkroom.domain.model import Model, Origin, Version, Visibility
from darkroom.domain.prediction import (
    InputFile,
    JsonText,
    Milliseconds,
    OutputItem,
    Prediction,
    Shape,
    Status,
    StoredFile,
)
from darkroom.ports.keys import ApiKey
from darkroom.ports.models import RunsSoFar
from darkroom.ports.predictions import Holder, Lease, LiveAttempt

Value: TypeAlias = str | int | float | None
Row: TypeAlias = tuple[Value, ...]
Parameters: TypeAlias = Mapping[str, Value]

PREDICTION_COLUMNS = (
    "id, owner, model, version, shape, input_files, webhook, webhook_events, status, "
    "attempt, claimed, created_at, started_at, completed_at, deadline_at, event_count, error, "
    "metrics, webhook_site, deployment, destination, data_removed_at"
)
_PredictionRow: TypeAlias = tuple[
    str, str, str, str, str, str, str | None, str, str,
    int, int, int, int | None, int | None, int | None, int, str | None,
    str, str | None, str | None, str | None, int | None,
]  # fmt: skip
_ItemRow: TypeAlias = tuple[
    int, int, str | None, str | None, str | None, str | None, int | None, str | None,
    int | None, int,
]  # fmt: skip
_KeyRow: TypeAlias = tuple[
    str, str, str, str, int, int, int | None, int | None, str | None,
]  # fmt: skip
_ModelRow: TypeAlias = tuple[
    str, str, str, str, str, str, str | None, str | None, str | None, str | None, str | None, int,
]  # fmt: skip

NO_LIST = "[]"
ABOVE_ALL_IDS = "~"
BEFORE_ALL = (-1, "")  # a time and an id
_files = msgspec.json.Decoder(list[InputFile]).decode
_names = msgspec.json.Decoder(list[str]).decode
_version = msgspec.json.Decoder(Version).decode


def json_text(value: object) -> str:
    """Spell domain values as JSON for a column."""
    return msgspec.json.encode(value).decode()


def prediction(row: Row, input_: str, output: Sequence[OutputItem], logs: str) -> Prediction:
    """A prediction from its row and what other tables hold of it.

    Its times are told in their order, also where the clock went back between two of them.
    """
    (
        id_, owner, model, version, shape, input_files, webhook, webhook_events, status,
        attempt, claimed, created_at, started_at, completed_at, deadline_at, event_count, error,
        metrics, webhook_site, deployment, destination, data_removed_at,
    ) = cast("_PredictionRow", row)  # fmt: skip
    started = None if started_at is None else max(started_at, created_at)
    completed = None if completed_at is None else max(completed_at, started or created_at)
    return Prediction(
        id=PredictionId(id_),
        owner=Owner(owner),
        model=model,
        version=VersionId(version),
        input=JsonText(input_),
        input_files=() if input_files == NO_LIST else _files(input_files),
        shape=Shape(shape),
        status=Status(status),
        attempt=attempt,
        claimed=claimed == 1,
        created_at=Milliseconds(created_at),
        started_at=_at(started),
        completed_at=_at(completed),
        output=output,
        error=error,
        logs=logs,
        metrics=JsonText(metrics),
        webhook=webhook,
        webhook_events=() if webhook_events == NO_LIST else _names(webhook_events),
        webhook_site=webhook_site,
        deadline_at=_at(deadline_at),
        event_count=event_count,
        deployment=deployment,
        destination=destination,
        data_removed_at=_at(data_removed_at),
    )


def event_count(row: Row) -> int:
    """How many events a prediction has, from its row."""
    return cast("_PredictionRow", row)[15]


def attempt(row: Row) -> int:
    """How often a prediction has been claimed, from its row."""
    return cast("_PredictionRow", row)[9]


def has_webhook(row: Row) -> bool:
    """Whether a prediction names a webhook, from its row."""
    return cast("_PredictionRow", row)[6] is not None


def output_items(id_: PredictionId, rows: Sequence[Row]) -> Sequence[OutputItem]:
    """Outputs in order; of one place the latest attempt counts."""
    latest: dict[int, OutputItem] = {}
    for row in rows:
        _attempt, place, value, *_file = cast("_ItemRow", row)
        latest[place] = (
            OutputItem(file=stored_file(id_, row))
            if value is None
            else OutputItem(value=JsonText(value))
        )
    return [latest[place] for place in sorted(latest)]


def stored_file(id_: PredictionId, row: Row) -> StoredFile:
    """A file from its item's row."""
    attempt, place, _value, key, name, content_type, size, sha256, *_event = cast("_ItemRow", row)
    return StoredFile(
        prediction=id_,
        attempt=attempt,
        index=place,
        key=key or "",
        name=name or "",
        content_type=content_type or "",
        size_bytes=size or 0,
        sha256=sha256 or "",
    )


def log_event(row: Row) -> Event:
    """An event from its log line's row."""
    n, text, at = cast("tuple[int, str, int]", row)
    return Event(n=n, kind=EventKind.LOGS, data=text, at=Milliseconds(at))


def output_event(row: Row) -> Event | None:
    """An event from its item's row; None for an output that had been shown before."""
    attempt, place, value, _key, name, *_file, n, at = cast("_ItemRow", row)
    if n is None:
        return None
    data = f'{{"value":{value}}}'
    if value is None:
        data = json_text({"attempt": attempt, "index": place, "name": name})
    return Event(n=n, kind=EventKind.OUTPUT, data=data, at=Milliseconds(at))


def live_attempt(row: Row) -> LiveAttempt:
    """An open attempt from its row."""
    id_, attempt, worker, incarnation, remote, server = cast(
        "tuple[str, int, str, int, int, str]", row
    )
    return LiveAttempt(
        prediction=PredictionId(id_),
        attempt=attempt,
        lease=Lease(
            holder=Holder(worker=WorkerId(worker), incarnation=incarnation, remote=remote == 1),
            server=ServerId(server),
        ),
    )


def remote_worker(row: Row) -> Holder:
    """A worker from elsewhere, from its row."""
    name, incarnation = cast("tuple[str, int]", row)
    return Holder(worker=WorkerId(name), incarnation=incarnation, remote=True)


def api_key(row: Row) -> ApiKey:
    """A key from its row."""
    id_, owner, digest, hint, admin, created_at, expires_at, revoked_at, pool = cast("_KeyRow", row)
    return ApiKey(
        id=id_,
        owner=Owner(owner),
        digest=digest,
        hint=hint,
        admin=admin == 1,
        created_at=Milliseconds(created_at),
        expires_at=_at(expires_at),
        revoked_at=_at(revoked_at),
        pool=pool,
    )


def model(row: Row) -> Model:
    """A model that was made over the API, without its versions, from its row."""
    (
        owner, name, visibility, hardware, description, readme, github_url, paper_url, license_url,
        cover_image_url, weights_url, created_at,
    ) = cast("_ModelRow", row)  # fmt: skip
    return Model(
        owner=owner,
        name=name,
        description=description,
        official=False,
        versions=(),
        created_at=Milliseconds(created_at),
        origin=Origin.MADE,
        visibility=Visibility(visibility),
        hardware=hardware,
        readme=readme,
        github_url=github_url,
        paper_url=paper_url,
        license_url=license_url,
        cover_image_url=cover_image_url,
        weights_url=weights_url,
    )


def version(row: Row) -> Version:
    """A version kept whole, from the one column that holds it."""
    return _version(str(row[0]))


def runs(row: Row) -> RunsSoFar:
    """A count of predictions from its row."""
    path, id_, owner, count = cast("tuple[str, str, str, int]", row)
    return RunsSoFar(model=path, version=VersionId(id_), owner=Owner(owner), count=count)


def _at(value: int | None) -> Milliseconds | None:
    return None if value is None else Milliseconds(value)
