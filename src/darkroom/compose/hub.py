"""The weights of a machine: their directory, and the door that the hub is reached through."""

import os
from contextlib import AsyncExitStack

from darkroom.egress.allow import entry_for
from darkroom.egress.fetch import GuardedFetcher
from darkroom.settings import Settings
from darkroom.weights.pull import Hub
from darkroom.weights.source import Weights


async def open_weights(stack: AsyncExitStack, settings: Settings, *, tiny: bool) -> Weights:
    """Weights come through a door of their own, which the operator's hub alone is added to.

    Args:
        stack: closes the door.
        settings: of this process.
        tiny: whether random weights stand in for those of the hub.
    """
    token = settings.hub_token.get_secret_value() if settings.hub_token else None
    allow = [*settings.egress_allow, entry_for(settings.hub_url)]
    return Weights(
        hub=Hub(
            fetcher=await stack.enter_async_context(GuardedFetcher(allow=allow)),
            url=settings.hub_url,
            token=token or os.environ.get("HF_TOKEN"),
        ),
        directory=settings.data_dir / "weights",
        cache=settings.data_dir / "cache",
        tiny=tiny,
    )
