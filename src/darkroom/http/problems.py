"""The one table from error to status, and the wire's error bodies.

Source: recorded error answers of Replicate's API; its clients match on `detail` and `status`.
"""

from collections.abc import Mapping
from dataclasses import asdict

import msgspec
import structlog
from starlette.responses import Response

from darkroom.domain.errors import (
    AlreadyExists,
    DarkroomError,
    FileMissing,
    FilesUnavailable,
    InvalidIdentifier,
    InvalidInput,
    KeyReused,
    NotAllowed,
    NotFound,
    NotTrainable,
    StillNeeded,
    StoreBusy,
    Throttled,
    Unauthenticated,
    UnknownHardware,
    VersionNotRunnable,
)
from darkroom.http.answers import PROBLEM

NOT_FOUND = "The requested resource could not be found."
_log = structlog.get_logger()

TABLE: Mapping[type[DarkroomError], tuple[int, str | None]] = {
    Unauthenticated: (401, "Unauthenticated"),
    NotFound: (404, None),
    FileMissing: (404, None),
    InvalidIdentifier: (404, None),
    VersionNotRunnable: (422, "Invalid version or not permitted"),
    InvalidInput: (422, "Input validation failed"),
    KeyReused: (422, "Idempotency key reused"),
    Throttled: (429, None),
    UnknownHardware: (400, "Validation failed"),
    AlreadyExists: (409, "Validation failed"),
    NotAllowed: (403, "Not allowed"),
    StillNeeded: (422, "Still needed"),
    NotTrainable: (400, "Not trainable"),
    StoreBusy: (503, "Not available"),
    FilesUnavailable: (503, "Not available"),
}
_WORTH_REPEATING = frozenset({408, 429, 502, 503, 504})
_USELESS: Mapping[str, str] = {"X-Should-Retry": "false"}  # one of the vendor's clients heeds it
# What is left of a body that came too slowly is not waited for.
_CLOSING: Mapping[int, Mapping[str, str]] = {408: {"Connection": "close"}}


class MalformedRequest(DarkroomError):
    """The request cannot be read at all. The message says what is wrong with it."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        """Keep the HTTP status to answer with."""
        super().__init__(message)
        self.status = status


def problem(
    status: int,
    detail: str,
    *,
    title: str | None = None,
    more: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error answer in the wire's form; the body ends with a newline.

    Where the same request would meet the same fate, it says that a repeat is useless.
    """
    body: dict[str, object] = {"detail": detail, "status": status}
    if title is not None:
        body["title"] = title
    body.update(more or {})
    if status not in _WORTH_REPEATING:
        headers = {**(headers or {}), **_USELESS}
    return Response(msgspec.json.encode(body) + b"\n", status, headers, PROBLEM)


def from_error(error: DarkroomError) -> Response:
    """The answer to an error that a route let pass."""
    if isinstance(error, MalformedRequest):
        return problem(error.status, str(error), headers=_CLOSING.get(error.status))
    if type(error) not in TABLE:
        _log.error("request.failed", exc_info=error)
    status, title = TABLE.get(type(error), (500, "Internal error"))
    if isinstance(error, InvalidInput):
        fields = [asdict(field) for field in error.fields]
        return problem(status, str(error), title=title, more={"invalid_fields": fields})
    if isinstance(error, UnknownHardware | AlreadyExists):
        return _validation_failed(status, title, error)
    if status == 404:
        return problem(404, NOT_FOUND)  # the wire says no more, whatever it was
    seconds = error.retry_seconds if isinstance(error, Throttled) else None
    more = {} if seconds is None else {"retry_after": seconds}
    headers = {"Retry-After": str(seconds or 1)} if status in (429, 503) else None
    return problem(status, str(error), title=title, more=more, headers=headers)


def _validation_failed(status: int, title: str | None, error: DarkroomError) -> Response:
    """The form of the service of models and deployments, which tells faults by pointer."""
    fault, told = {"detail": str(error)}, str(error)
    if isinstance(error, UnknownHardware):
        fault, told = {"pointer": "/hardware", **fault}, f"hardware: {told}"
    detail = f"The following errors occurred:\n- {told}"
    return problem(status, detail, title=title, more={"errors": [fault]})


def internal() -> Response:
    """The answer when something nobody foresaw went wrong; the log has the rest."""
    return problem(
        500,
        "Something went wrong inside the server. Its log has the details.",
        title="Internal error",
    )
