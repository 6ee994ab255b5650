"""Webhooks over HTTP: what their bodies say, the signing secret, the log of deliveries."""

from dataclasses import dataclass, replace

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.domain.errors import NotFound
from darkroom.domain.events import NO_METRICS
from darkroom.domain.ids import PredictionId
from darkroom.domain.prediction import Prediction, Status
from darkroom.http.answers import Site, caller, json_answer, route
from darkroom.http.problems import NOT_FOUND, problem
from darkroom.http.times import iso
from darkroom.http.wire import Wire
from darkroom.ports.webhooks import DeliveryState, KeptDelivery, KeptTry, WebhookEvent
from darkroom.service.deliveries import Deliveries, message_id
from darkroom.service.predictions import Predictions
from darkroom.service.webhook_secrets import WebhookSecrets

_API = "/v1"
_NOT_ENDED = "This prediction has not ended; the webhook of its end is sent when it has."
_MOUNTS = (f"/replicate{_API}", _API)


class WireTry(msgspec.Struct, frozen=True):
    """One call of a receiver."""

    at: str
    status: int | None
    seconds: float
    error: str | None
    answer: str | None


class WireDelivery(msgspec.Struct, frozen=True):
    """A delivery as its log shows it; `next_at` is null once it is settled."""

    n: int
    id: str
    event: str
    state: str
    created_at: str
    next_at: str | None
    tries: list[WireTry]


class WireBreaker(msgspec.Struct, frozen=True):
    """Why nothing is sent to an endpoint now: failures in a row, and when it is tried again."""

    failures: int
    next_try_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookBodies:
    """Makes the bodies of webhooks.

    Args:
        wire: spells predictions.
        origin: scheme and host for predictions that do not say where their client found us.
    """

    wire: Wire
    origin: str

    async def spell(self, prediction: Prediction, event: WebhookEvent) -> bytes:
        """The prediction or training as it is shown now; for `start` as it was at its start."""
        shown = _as_started(prediction) if event is WebhookEvent.START else prediction
        site = _site(shown.webhook_site or self.origin)
        if shown.destination is not None:
            return msgspec.json.encode(await self.wire.training(shown, site))
        return msgspec.json.encode(await self.wire.prediction(shown, site))


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRoutes:
    """The routes of webhooks."""

    predictions: Predictions
    deliveries: Deliveries
    secrets: WebhookSecrets

    def routes(self) -> list[Route]:
        """Paths relative to the API's mount."""
        return [route("/webhooks/default/secret", self.secret)]

    def administration(self) -> list[Route]:
        """Paths relative to `/api`."""
        return [
            route("/predictions/{id}/webhooks", self.log),
            route("/predictions/{id}/webhooks/resend", self.resend, method="POST"),
            route("/predictions/{id}/webhooks/{n}/resend", self.resend, method="POST"),
        ]

    async def secret(self, request: Request) -> Response:
        """The secret that the caller's webhooks are signed with."""
        return json_answer({"key": await self.secrets.of(caller(request).owner)})

    async def log(self, request: Request) -> Response:
        """Every delivery of a prediction, with its tries."""
        found = await self._prediction(request)
        return await self._shown(found)

    async def resend(self, request: Request) -> Response:
        """Send again; the body, if any, does not matter."""
        found = await self._prediction(request)
        n = _number(request.path_params.get("n"))
        if n is None and not found.terminal:
            return problem(404, _NOT_ENDED)
        try:
            await self.deliveries.resend(found.id, n)
        except NotFound as error:  # the caller sees the prediction, so there is nothing to hide
            return problem(404, str(error))
        return await self._shown(found)

    async def _prediction(self, request: Request) -> Prediction:
        """The prediction that the path names: the caller's, or for an administrator anybody's."""
        asked = caller(request)
        found = await self.predictions.look(PredictionId(request.path_params["id"]))
        if found is None or not (asked.admin or found.owner == asked.owner):
            raise NotFound(NOT_FOUND)
        return found

    async def _shown(self, prediction: Prediction) -> Response:
        kept = await self.deliveries.kept(prediction.id)
        waits = any(one.state is DeliveryState.PENDING for one in kept)
        return json_answer(
            {
                "prediction": prediction.id,
                "webhook": prediction.webhook,
                "breaker": self._breaker(prediction) if waits else None,
                "deliveries": [_delivery(prediction.id, one) for one in kept],
            }
        )

    def _breaker(self, prediction: Prediction) -> WireBreaker | None:
        shut = self.deliveries.waits_for(prediction)
        return None if shut is None else WireBreaker(shut.failures, iso(shut.next_at))


def _number(text: str | None) -> int | None:
    """The number of a delivery.

    Raises:
        NotFound: *text* is none that a delivery could have.
    """
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotFound(NOT_FOUND)
    return int(text)


def _site(text: str) -> Site:
    """Take an address with or without the API's mount apart."""
    for mount in _MOUNTS:
        if text.endswith(mount):
            return Site(text.removesuffix(mount), mount)
    return Site(text, _API)


def _as_started(prediction: Prediction) -> Prediction:
    return replace(
        prediction,
        status=Status.PROCESSING,
        completed_at=None,
        output=(),
        logs="",
        error=None,
        metrics=NO_METRICS,
    )


def _delivery(id_: PredictionId, one: KeptDelivery) -> WireDelivery:
    pending = one.state is DeliveryState.PENDING
    return WireDelivery(
        n=one.n,
        id=message_id(id_, one.n),
        event=one.event,
        state=one.state,
        created_at=iso(one.created_at),
        next_at=iso(one.next_at) if pending else None,
        tries=[_try(each) for each in one.tries],
    )


def _try(one: KeptTry) -> WireTry:
    return WireTry(iso(one.at), one.status, one.seconds, one.error, one.answer)
