"""What a prediction is, and the only ways its status may change.

Pure: no clock, no I/O, standard library only. Times are integer milliseconds since 1970 from
the database's clock. Status never goes back: a prediction that is run again after its worker
died stays `processing`, and whether somebody runs it now is a matter of its attempt.

Source: Replicate's public OpenAPI description, `status` of a prediction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from darkroom.domain.ids import Owner, PredictionId, VersionId

JsonText = NewType("JsonText", str)
Milliseconds = NewType("Milliseconds", int)

MAX_ATTEMPTS = 3


class Status(StrEnum):
    """Where a prediction is in its life, spelled as it is on the wire."""

    STARTING = "starting"  # accepted: waiting for a worker, or its runner is in setup()
    PROCESSING = "processing"  # run() has been entered
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # setup() or run() raised, or every attempt was lost
    CANCELED = "canceled"  # a client asked
    ABORTED = "aborted"  # its deadline passed before run() was entered


NEXT: Mapping[Status, frozenset[Status]] = {
    Status.STARTING: frozenset(
        {Status.PROCESSING, Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.ABORTED}
    ),
    Status.PROCESSING: frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELED}),
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELED: frozenset(),
    Status.ABORTED: frozenset(),
}


class Outcome(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    LOST = "lost"  # its worker fell silent; counts
    CRASHED = "crashed"  # its host process died; counts
    RELEASED = "released"  # handed back in good order; does not count


class Shape(StrEnum):
    """How a version's outputs are told: one value or a list that grows."""

    ONE = "one"
    LIST = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """Bytes of one prediction in the file store, an output or (attempt 0) an input."""

    prediction: PredictionId
    attempt: int
    index: int
    key: str
    name: str
    content_type: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputItem:
    """One thing a run has published: a JSON value, or a file of this prediction."""

    value: JsonText | None = None
    file: StoredFile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """A file input that does not travel inside the row.

    `path` leads from the input object to the string it stands for. `spooled` means the stored
    input has an empty string there, and the bytes are this prediction's own attempt-0 file.
    """

    path: tuple[str | int, ...]
    key: str
    content_type: str
    size_bytes: int
    index: int
    spooled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One run of one version on one input, as the store knows it.

    `webhook_site` is the scheme, host and prefix under which the client that named a webhook found
    us. `deployment` is the one it was created through. `destination` is the model, `owner/name`,
    that a training makes a version of. After `data_removed_at` only the bare facts are left.
    """

    id: PredictionId
    owner: Owner
    model: str
    version: VersionId
    input: JsonText
    input_files: Sequence[InputFile]
    shape: Shape
    status: Status
    attempt: int  # raised by every claim; whoever writes must quote it
    claimed: bool
    created_at: Milliseconds
    started_at: Milliseconds | None
    completed_at: Milliseconds | None
    output: Sequence[OutputItem]
    error: str | None
    logs: str
    metrics: JsonText
    webhook: str | None
    webhook_events: Sequence[str]
    deadline_at: Milliseconds | None
    event_count: int
    webhook_site: str | None = None
    deployment: str | None = None
    destination: str | None = None
    data_removed_at: Milliseconds | None = None

    @property
    def terminal(self) -> bool:
        """Whether nothing further can happen to this prediction."""
        return not NEXT[self.status]
