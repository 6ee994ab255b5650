"""The whole error tree. Each error is named for a fact and knows nothing of HTTP.

DarkroomError
├─ NotFound               nothing by that name that this owner may see
├─ VersionNotRunnable     the version text names nothing that can be run
├─ InvalidInput           the request does not fit the version's schema
├─ UnknownHardware        no hardware of that name in this server
├─ AlreadyExists          the owner has something of that name already
├─ NotAllowed             this key may not change that
├─ StillNeeded            it cannot be deleted as it is
├─ NotTrainable           the version declares no trainer
├─ Unauthenticated        no key, or not a valid one
├─ Throttled              more at once, or in a minute, than is allowed
├─ KeyReused              an idempotency key that stands for another request
├─ InvalidIdentifier      the text is no owner/name or owner/name:version
├─ InvalidSetting         a setting or darkroom.yaml cannot be used
├─ InputUnusable          a file of the input cannot be had or is no picture
│  └─ EgressDenied        the address is one we do not speak to
├─ WeightsUnavailable     the weights cannot be loaded here and now
├─ RunFailed              the model raised, in words for the user
├─ StoreBusy              the database cannot take writes now
├─ SchemaTooNew           the database was written by a newer darkroom
├─ DirectoryInUse         another server holds the data directory
├─ NoServer               nobody answers where a server should be
├─ ClusterAway            the cluster that workers are placed on cannot be asked
├─ Refused                a server answered the command line with an error
├─ WorkerRefused          a server takes no worker with this token, or of this release
├─ PeerMisbehaved         bytes on a worker or host connection make no sense
├─ FileMissing            the bytes of a stored file are gone
├─ FilesUnavailable       the file store takes or gives nothing now
└─ RunCanceled            raised inside a run that has been told to stop
"""

from collections.abc import Sequence
from dataclasses import dataclass


class DarkroomError(Exception):
    """Whatever darkroom itself raises; the message is fit for a user."""


class NotFound(DarkroomError):
    """Nothing by that name is visible to this owner. Check the spelling and the key."""


class VersionNotRunnable(DarkroomError):
    """The `version` of a request names nothing that can be run. List the model's versions."""


class UnknownHardware(DarkroomError):
    """`sku` names no hardware of this server; `skus` are what it has. Choose one of them."""

    def __init__(self, sku: str, skus: Sequence[str]) -> None:
        """Say in the wire's words what may be chosen."""
        self.sku = sku
        self.skus = tuple(skus)
        super().__init__(
            f"{sku[:200]} is not a valid hardware SKU. Your options are: {', '.join(self.skus)}"
        )


class AlreadyExists(DarkroomError):
    """Something of that name and owner is there already. Choose another name, or change that."""


class NotAllowed(DarkroomError):
    """This key may see that and may not change it. The message says why, and who can or where."""


class StillNeeded(DarkroomError):
    """It cannot be deleted as it is. The message says what holds it, and what to do first."""


class NotTrainable(DarkroomError):
    """The version declares no trainer. Train one that has a `TrainingInput`."""


class Unauthenticated(DarkroomError):
    """The request carries no key, or not a valid one. Create one with `darkroom keys create`."""

    def __init__(self, *, offered: bool, why: str | None = None) -> None:
        """Say whether a token was offered at all, or in other words *why* it is not taken."""
        super().__init__(
            why
            or (
                "You did not pass a valid authentication token"
                if offered
                else "You did not pass an authentication token"
            )
        )


class Throttled(DarkroomError):
    """More at once, or in a minute, than is allowed. Try again after `retry_seconds`."""

    def __init__(self, message: str, *, retry_seconds: int) -> None:
        """Keep the whole seconds, at least 1, after which a repeat may succeed."""
        super().__init__(message)
        self.retry_seconds = retry_seconds


class KeyReused(DarkroomError):
    """This `Idempotency-Key` came with another request before. Choose a new one for each."""


class InvalidIdentifier(DarkroomError):
    """The text is neither `owner/name` nor `owner/name:version`. Correct it."""


class InvalidSetting(DarkroomError):
    """A setting or the operator's file cannot be used. The message says what to change."""


class InputUnusable(DarkroomError):
    """A file of the input cannot be fetched or is not a picture we take. Send another one."""


class EgressDenied(InputUnusable):
    """The address is private or otherwise refused. Allow it with DARKROOM_EGRESS_ALLOW."""


class WeightsUnavailable(DarkroomError):
    """The weights cannot be loaded. The message and `darkroom doctor` say what to do.

    `status` is the HTTP status a download met, 0 if it met none.
    """

    def __init__(self, message: str, *, status: int = 0) -> None:
        """Keep the sentence, and the status for whoever can say more about it."""
        super().__init__(message)
        self.status = status


class RunFailed(DarkroomError):
    """The model itself refused or raised. The message is what the prediction's `error` will say."""


class StoreBusy(DarkroomError):
    """The database cannot take writes (disk full, locked). Free space, then retry."""


class SchemaTooNew(DarkroomError):
    """The database was written by a newer darkroom. Upgrade this installation."""


class DirectoryInUse(DarkroomError):
    """Another darkroom server holds the data directory. Stop it or choose another directory."""


class NoServer(DarkroomError):
    """Nobody answers where a server should be. Start `darkroom serve` or correct DARKROOM_URL."""


class ClusterAway(DarkroomError):
    """The cluster's head does not answer. What runs goes on; nothing is added until it is back."""


class Refused(DarkroomError):
    """A server answered the command line with an error; `status` is its HTTP status, 0 for none."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        """Keep the server's sentence and status."""
        super().__init__(message)
        self.status = status


class WorkerRefused(DarkroomError):
    """A server does not take this worker, today or later. Correct what the message names."""


class PeerMisbehaved(DarkroomError):
    """The other end of a worker or host connection broke the protocol. The connection is closed."""


class FileMissing(DarkroomError):
    """The bytes of a file are not in the file store any more."""


class FilesUnavailable(DarkroomError):
    """The file store takes or gives no bytes: disk full, no permission, bucket down. Then retry."""


class RunCanceled(DarkroomError):
    """The run was told to stop. A runner lets it pass; the host turns it into an outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidField:
    """One thing wrong with a request, in the wire's own words.

    Source: Replicate's 422 answers, whose wording is that of xeipuuv/gojsonschema.
    """

    type: str
    field: str
    description: str


class InvalidInput(DarkroomError):
    """The request does not fit the schema. `fields` lists every fault at once, in order."""

    def __init__(self, fields: Sequence[InvalidField]) -> None:
        """Keep *fields* and spell the message as the wire does, one line a fault."""
        self.fields = tuple(fields)
        super().__init__(
            "".join(
                f"- {one.field}: {one.description}\n" if one.field else f"- {one.description}\n"
                for one in self.fields
            )
        )
