"""Who looks at which running prediction, and the small pictures they see meanwhile.

A worker gives previews only while it is told that somebody looks. Of a prediction that is looked
at the newest picture is kept, in memory, of any other none.
"""

import asyncio
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from darkroom.domain.ids import PredictionId, VersionId
from darkroom.protocol.messages import MAX_PREVIEW_SIDE, WATCH_PROTOCOL, Key, Preview, Watch
from darkroom.service.hub import Hub, Subscription
from darkroom.service.seats import Seat

EVERY_SECONDS = 0.5


class Look(Subscription):
    """What one looker sees of a prediction. A slow looker misses pictures; none wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self._newest: Preview | None = None
        self._due_at = 0.0

    @property
    def over(self) -> bool:
        """Whether the prediction has ended."""
        return self.latest is not None and self.latest.terminal

    def show(self, picture: Preview) -> None:
        """Have *picture* seen instead of any other not seen yet."""
        if self.latest is None or picture.attempt >= self.latest.attempt:
            self._newest = picture
            self._wake()

    async def picture(self, idle_seconds: float) -> Preview | None:
        """The newest picture not seen yet, as soon as there is one; at most two a second.

        Args:
            idle_seconds: how long to wait for one.

        Returns:
            None if there was none in that time, or the prediction is over.
        """
        await self._rest()
        with suppress(TimeoutError):
            async with asyncio.timeout(idle_seconds):
                while self._newest is None and not self.over:
                    await self.changed()
        picture, self._newest = self._newest, None
        if picture is None or self.over:
            return None
        self._due_at = asyncio.get_running_loop().time() + EVERY_SECONDS
        return picture

    async def _rest(self) -> None:
        """Wait until the next picture is due, or there will be none."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._due_at):
                while not self.over:
                    await self.changed()


@dataclass(slots=True)
class _Room:
    """Who looks at one prediction; pictures of attempts before `attempt` are stale."""

    lookers: list[Look] = field(default_factory=list[Look])
    attempt: int = 0
    last: Preview | None = None


class Previews:
    """Tells workers whether somebody looks, and lookers what workers show.

    Args:
        hub: tells lookers of the end.
        seats: the workers that are connected, always the same list.
        shown: whether runs of a version may be shown. A worker that was told of it long ago, or is
            of an earlier release, need not know that they may not.
    """

    def __init__(
        self, hub: Hub, seats: Sequence[Seat], shown: Callable[[VersionId], bool] = lambda _: True
    ) -> None:
        self._hub = hub
        self._seats = seats
        self._shown = shown
        self._rooms: dict[str, _Room] = {}

    @contextmanager
    def looking(self, prediction: PredictionId) -> Generator[Look]:
        """Look at a prediction until the block ends."""
        room = self._rooms.setdefault(prediction, _Room())
        look = Look()
        room.lookers.append(look)
        if len(room.lookers) == 1:
            self._tell(prediction, wanted=True)
        elif room.last is not None:
            look.show(room.last)
        try:
            with self._hub.subscribed(prediction, look):
                yield look
        finally:
            room.lookers.remove(look)
            if not room.lookers:
                del self._rooms[prediction]
                self._tell(prediction, wanted=False)

    def sent(self, seat: Seat, key: Key) -> None:
        """A worker has been sent an attempt, or has come back with it."""
        room = self._rooms.get(key[0])
        if room is not None and key[1] >= room.attempt:
            room.attempt, room.last = key[1], None
            self._watch(seat, key, wanted=True)

    def show(self, seat: Seat, picture: Preview) -> None:
        """Show a picture to whoever looks; one that is stale or makes no sense is dropped."""
        room = self._rooms.get(picture.id)
        if room is None or picture.attempt < room.attempt:
            return
        held = seat.held.get((picture.id, picture.attempt))
        if held is None or not self._shown(held.version) or not _whole(picture):
            return
        room.attempt, room.last = picture.attempt, picture
        for look in room.lookers:
            look.show(picture)

    def _tell(self, prediction: PredictionId, *, wanted: bool) -> None:
        for seat in self._seats:
            for key in seat.held:
                if key[0] == prediction:
                    self._watch(seat, key, wanted=wanted)

    def _watch(self, seat: Seat, key: Key, *, wanted: bool) -> None:
        held = seat.held.get(key)
        if held is not None and seat.protocol >= WATCH_PROTOCOL and self._shown(held.version):
            seat.send(Watch(*key, wanted))


def _whole(picture: Preview) -> bool:
    sides = (picture.width, picture.height)
    small = min(sides) > 0 and max(sides) <= MAX_PREVIEW_SIDE
    return small and len(picture.data) == 3 * picture.width * picture.height
