"""Servers on one database, as a table of it."""

from collections.abc import Awaitable, Sequence
from typing import cast

import msgspec

from darkroom.domain.ids import ServerId
from darkroom.ports.predictions import LiveAttempt
from darkroom.ports.twins import FairClocks, ServerBeat
from darkroom.store import rows
from darkroom.store.database import Database, rows_of
from darkroom.store.transitions.recipe import Transition

_clocks = msgspec.json.Decoder(dict[str, float]).decode


class ServerTables:
    """Satisfies Servers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def beat(self, fair_clocks: FairClocks) -> Awaitable[object]:
        """Tell that this one lives."""
        clocks = {"fair_clocks": rows.json_text(fair_clocks)}
        return self._database.write(lambda: rows_of("beat_server", clocks))

    async def known(self) -> Sequence[ServerBeat]:
        """All that are known."""
        found = await self._database.read(rows_of("servers", {}))
        beats = cast("list[tuple[str, int, str]]", found)
        return [ServerBeat(ServerId(id_), beat, _clocks(told)) for id_, beat, told in beats]

    async def held_by(self, server: ServerId) -> Sequence[LiveAttempt]:
        """The open attempts of a server."""
        found = await self._database.read(rows_of("attempts_of_server", {"server": server}))
        return [rows.live_attempt(row) for row in found]

    def bury(self, gone: ServerBeat) -> Awaitable[object]:
        """Forget a server that is gone."""
        return self._database.write(lambda: _bury(gone))


def _bury(gone: ServerBeat) -> Transition[None]:
    yield "forget_server", {"id": gone.server, "beat": gone.beat}
    yield "recover_deliveries_of", {"server": gone.server}
