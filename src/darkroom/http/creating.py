"""How a request becomes a prediction, whichever route it came by, and what it is answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import structlog
from starlette.requests import Request
from starlette.responses import Response

from darkroom.domain.events import NO_METRICS
from darkroom.domain.model import Json, Model, Version
from darkroom.domain.prediction import Prediction, Status
from darkroom.http import contract, reading
from darkroom.http.answers import Site, caller, json_answer, site
from darkroom.http.delivery import connection
from darkroom.http.problems import MalformedRequest
from darkroom.http.submissions import submission
from darkroom.http.wire import Wire, WirePrediction
from darkroom.ports.serving import InputValidator
from darkroom.service.intake import Created, NewPrediction, Repeat
from darkroom.service.predictions import Predictions
from darkroom.service.repeats import Submission

REDACTED = "[redacted]"
_log = structlog.get_logger()
_TOLD: Mapping[Repeat, str] = {
    Repeat.REPLAYED: "Idempotent-Replayed",
    Repeat.ADOPTED: "Orphan-Adopted",
}


@dataclass(frozen=True, slots=True)
class Body:
    """A request's body as it came and as it reads."""

    data: bytes
    document: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a request wants to run, and the names it went through."""

    model: Model
    version: Version
    deployment: str | None = None
    destination: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Creations:
    """Reads, creates and answers.

    Args:
        inline: whether blocking answers carry output files as data: URLs: `on`, `off`, or
            `auto` for only where the client came by plain http.
        body_limit_bytes: the longest request body taken.
        body_seconds: how long a body may take to arrive.
    """

    predictions: Predictions
    validator: InputValidator
    wire: Wire
    inline: str
    body_limit_bytes: int
    body_seconds: float = reading.BODY_SECONDS

    async def body(self, request: Request) -> Body:
        """The JSON object that a creation sends.

        Raises:
            InvalidInput: it is JSON of another kind.
            MalformedRequest: it is none.
        """
        data = await reading.body(request, self.body_limit_bytes, seconds=self.body_seconds)
        document = reading.json(data)
        if not isinstance(document, dict):
            self.validator.check_envelope(document)
            raise MalformedRequest("The request body must be a JSON object")
        return Body(data, document)

    async def checked(self, request: Request, schema: str) -> Body:
        """The body of a request that fits the published schema of that name.

        Raises:
            InvalidInput: it does not fit.
            MalformedRequest: as for `body`.
        """
        body = await self.body(request)
        self.validator.check_body(contract.schema(schema), body.document)
        return body

    async def create(
        self, request: Request, body: Body, target: Target, *, wait_seconds: float | None
    ) -> Created:
        """Create the prediction of a body that has been checked, for routes that show it otherwise.

        A request that comes again gets what it has made before.

        Args:
            request: whose headers and caller count.
            body: its `document` has the form of a create body, whatever the request's own is.
            target: what to run.
            wait_seconds: how long to wait for the end; None returns at once.
        """
        submitted = _watched(request, submission(request, body.data))
        new = _new(request, body, target, submitted)
        created = await self.predictions.create(new, wait_seconds=wait_seconds)
        _lose_if_gone(request, [submitted])
        return created

    async def create_all(
        self, request: Request, body: Body, target: Target, count: int, *, wait_seconds: float
    ) -> Sequence[Created]:
        """Create *count* equal predictions as `create` does one: all of them, or none.

        Raises:
            DarkroomError: what one of them was refused with.
        """
        if count == 1:
            return [await self.create(request, body, target, wait_seconds=wait_seconds)]
        submitted = [
            _watched(request, submission(request, body.data, part=part)) for part in range(count)
        ]
        several = [_new(request, body, target, one) for one in submitted]
        created = await self.predictions.create_all(several, wait_seconds=wait_seconds)
        _lose_if_gone(request, submitted)
        return created

    async def answer(self, request: Request, body: Body, target: Target) -> Response:
        """Create the prediction of a body that has been checked, and show it.

        Under `Prefer: wait` the answer is held until it has ended, or the time is over.
        """
        preference = request.headers.get("prefer")
        wait = reading.wait_seconds(preference)
        created = await self.create(request, body, target, wait_seconds=wait)
        timed_out = wait is not None and not created.ended
        try:
            shown = await self._shown(created, site(request), timed_out=timed_out)
        except Exception:  # noqa: BLE001  # it is accepted, so nothing may keep us from saying so
            _log.exception("answer.bare", prediction=created.prediction.id)
            timed_out = wait is not None
            shown = await self.wire.prediction(
                _bare(created.prediction), site(request), timed_out=True
            )
        headers = {"Location": shown.urls.get}
        if wait is not None and preference is not None:
            headers["Preference-Applied"] = preference
        if created.repeat is not None:
            headers[_TOLD[created.repeat]] = "true"
        return json_answer(shown, status=202 if timed_out else 201, headers=headers)

    async def _shown(self, created: Created, here: Site, *, timed_out: bool) -> WirePrediction:
        inline = created.ended and self._inlines(here)
        return await self.wire.prediction(
            created.prediction, here, timed_out=timed_out, inline=inline
        )

    def _inlines(self, here: Site) -> bool:
        if self.inline == "auto":
            return here.origin.startswith("http:")
        return self.inline == "on"


def _watched(request: Request, submitted: Submission) -> Submission:
    channel = connection(request)
    if channel is not None:
        channel.watch(submitted)
    return submitted


def _lose_if_gone(request: Request, submitted: Sequence[Submission]) -> None:
    channel = connection(request)
    if channel is not None and channel.peer_gone():
        for one in submitted:
            one.lose()


def _bare(prediction: Prediction) -> Prediction:
    """The prediction as it was accepted, for showing which no file is needed."""
    return replace(
        prediction,
        status=Status.STARTING,
        input_files=(),
        output=(),
        error=None,
        logs="",
        metrics=NO_METRICS,
        started_at=None,
        completed_at=None,
    )


def _new(request: Request, body: Body, target: Target, submitted: Submission) -> NewPrediction:
    document = body.document
    input_ = document.get("input")
    assert isinstance(input_, Mapping)  # noqa: S101  # the validator has seen to it
    token = str(request.scope["darkroom.token"])
    # A key without a trace in the bytes can only be there spelled with escapes.
    if token.encode("latin-1") in body.data or b"\\" in body.data:
        input_ = {_kept(name, token): _redacted(one, token) for name, one in input_.items()}
    webhook, legacy = document.get("webhook"), document.get("webhook_completed")
    address = webhook or legacy
    events = document.get("webhook_events_filter")
    here = site(request)
    return NewPrediction(
        owner=caller(request).owner,
        model=target.model,
        version=target.version,
        input=input_,
        origin=here.origin,
        webhook=address if isinstance(address, str) else None,
        webhook_events=_texts(events) or (() if webhook or not legacy else ("completed",)),
        webhook_site=f"{here.origin}{here.prefix}" if address else None,
        deployment=target.deployment,
        destination=target.destination,
        cancel_after_ms=reading.cancel_after_ms(request.headers.get("cancel-after")),
        priority=reading.priority(request.headers.get("darkroom-priority")),
        submission=submitted,
    )


def _texts(value: Json) -> Sequence[str]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return ()
    return [one for one in value if isinstance(one, str)]


def _redacted(value: Json, token: str) -> Json:
    """*value* without the caller's own key, which people paste into prompts and URLs."""
    if isinstance(value, str):
        return _kept(value, token)
    if isinstance(value, Mapping):
        return {_kept(name, token): _redacted(one, token) for name, one in value.items()}
    if isinstance(value, Sequence):
        return [_redacted(one, token) for one in value]
    return value


def _kept(text: str, token: str) -> str:
    return REDACTED if token in text else text
