"""One attempt in the hands of this worker, from its job to its last word."""

import asyncio

from darkroom.domain.prediction import Outcome
from darkroom.protocol.messages import Ended, Job, Key
from darkroom.worker.inputs import Prepared
from darkroom.worker.resident import Resident
from darkroom.worker.telling import Telling


class Attempt:
    """What is known of it. Only `dispatch` changes it.

    Attributes:
        prepared: its inputs, once they are ready; forgotten when the run has been sent.
        in_host: the run has been sent and its end has not been heard.
        over: the run has ended, whether or not its files are stored.
        stopping: it has been told to stop.
        verdict: how it ends, whatever the host says.
        outputs: how many it has published.
        grace: kills its host when it does not stop in time.
        has_folder: it may have files in the worker's run folder.
        watched: somebody looks at its previews.
    """

    __slots__ = (
        "grace",
        "has_folder",
        "in_host",
        "job",
        "key",
        "limit_at",
        "outputs",
        "over",
        "prepared",
        "preparing",
        "resident",
        "stopping",
        "telling",
        "verdict",
        "watched",
    )

    def __init__(self, job: Job, resident: Resident) -> None:
        self.key: Key = (job.id, job.attempt)
        self.job = job
        self.resident = resident
        self.telling = Telling(self.key)
        self.prepared: Prepared | None = None
        self.preparing: asyncio.Task[None] | None = None
        self.in_host = False
        self.over = False
        self.stopping = False
        self.verdict: Ended | None = None
        self.outputs = 0
        self.limit_at = 0.0
        self.grace: asyncio.TimerHandle | None = None
        self.has_folder = False
        self.watched = False

    @property
    def folder_name(self) -> str:
        """Name of its folder inside the worker's."""
        return f"{self.key[0]}-{self.key[1]}"


def failed(error: str) -> Ended:
    """The end of a run that went wrong for good."""
    return Ended(Outcome.FAILED, error, "{}", 0.0)


def canceled() -> Ended:
    """The end of a run that was told to stop."""
    return Ended(Outcome.CANCELED, None, "{}", 0.0)


def released(reason: str) -> Ended:
    """The end of an attempt that is handed back in good order."""
    return Ended(Outcome.RELEASED, reason, "{}", 0.0)


def crashed(how: str) -> Ended:
    """The end of an attempt whose host died.

    Args:
        how: as `process.Hosts` puts it.
    """
    hint = "; out of memory is the usual cause" if "SIGKILL" in how else ""
    return Ended(
        Outcome.CRASHED, f"The model's process ended unexpectedly ({how}{hint}).", "{}", 0.0
    )
