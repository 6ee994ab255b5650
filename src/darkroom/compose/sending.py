"""The parts that send webhooks, made and joined."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import SystemRandom

from darkroom.compose.clock import SystemClock
from darkroom.egress.webhooks import GuardedPoster
from darkroom.http.webhooks import WebhookBodies
from darkroom.http.wire import Wire
from darkroom.ports.predictions import PredictionStore
from darkroom.service.deliveries import Deliveries
from darkroom.service.hub import Hub
from darkroom.service.webhook_secrets import WebhookSecrets
from darkroom.settings import Settings
from darkroom.store.database import Database
from darkroom.store.deliveries import DeliveryTables
from darkroom.store.keys import KeyTables


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What sends webhooks, and the secrets they are signed with."""

    deliveries: Deliveries
    secrets: WebhookSecrets


async def make_sending(
    stack: AsyncExitStack,
    settings: Settings,
    database: Database,
    *,
    store: PredictionStore,
    hub: Hub,
    wire: Wire,
    origin: str,
) -> Sending:
    """Make what sends webhooks; it hears of every change, and begins with `Deliveries.start`.

    Args:
        stack: closes what must be closed.
        settings: of this server.
        database: open until *stack* closes.
        store: where predictions are.
        hub: tells of every change.
        wire: spells predictions.
        origin: scheme and host of addresses in the webhooks of a client that is not known to
            have used another.
    """
    poster = await stack.enter_async_context(GuardedPoster(allow=settings.egress_allow))
    secrets = WebhookSecrets(KeyTables(database))
    deliveries = Deliveries(
        outbox=DeliveryTables(database),
        store=store,
        poster=poster,
        spell=WebhookBodies(wire=wire, origin=origin).spell,
        secrets=secrets,
        clock=SystemClock(),
        chance=SystemRandom().random,
        saw=hub.saw,
    )
    hub.listen(deliveries.hear)
    return Sending(deliveries=deliveries, secrets=secrets)
