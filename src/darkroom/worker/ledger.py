"""What a remote worker has told and nobody has noted yet: numbered, kept, told again.

What was sent once is never changed: the server may have recorded it. What was not yet sent is
put together, so that a run that talks on without a line takes one message in the end.
"""

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import msgspec

from darkroom.protocol.messages import Gave, Key, Noted, Said, Told

MOST_UNNOTED = 32
"""Messages of one attempt that may be under way; what follows waits, and is put together."""


@dataclass(slots=True, eq=False)
class _Page:
    number: int = 0
    sent: deque[Told] = field(default_factory=deque[Told])
    waiting: Told | None = None
    over: bool = False
    dropped: bool = False


class Ledger:
    """Keeps what attempts tell until the server has noted it.

    Args:
        send: hands a message to the line.
        settled: called when nothing is left to be noted.
    """

    def __init__(self, send: Callable[[Told], None], settled: Callable[[], None]) -> None:
        self._send = send
        self._settled = settled
        self._pages: dict[Key, _Page] = {}
        self._line = False

    @property
    def unnoted(self) -> list[Key]:
        """Attempts that have told something nobody has noted."""
        return [
            key
            for key, page in self._pages.items()
            if not page.dropped and (page.sent or page.waiting)
        ]

    def tell(self, told: Told) -> None:
        """Keep *told*, and send it as soon as it may leave."""
        page = self._pages.setdefault((told.id, told.attempt), _Page())
        page.over = told.ended is not None
        if not page.dropped:
            page.waiting = told if page.waiting is None else _together(page.waiting, told)
            self._advance(page)
        elif page.over:
            del self._pages[told.id, told.attempt]

    def noted(self, noted: Noted) -> None:
        """The server has on disk what was told up to a number, or will never want it."""
        key = (noted.id, noted.attempt)
        page = self._pages.get(key)
        if page is None:
            return
        while page.sent and page.sent[0].number <= noted.number:
            page.sent.popleft()
        self._advance(page)
        if page.over and not page.sent and not page.waiting:
            del self._pages[key]
            if not self.unnoted:
                self._settled()

    def pause(self) -> None:
        """The line is gone."""
        self._line = False

    def drop(self, running: Collection[Key]) -> None:
        """Attempts that run and are not wanted any more: nothing of them is told from now on."""
        for key in running:
            self._pages[key] = _Page(dropped=True)

    def resume(self, kept: Collection[Key]) -> None:
        """There is a line again: forget what is not *kept*, tell the rest again, in order."""
        self._line = True
        for key, page in list(self._pages.items()):
            if key in kept:
                for told in page.sent:
                    self._send(told)
                self._advance(page)
            elif not page.dropped:
                del self._pages[key]
        if not self.unnoted:
            self._settled()

    def _advance(self, page: _Page) -> None:
        if self._line and page.waiting is not None and len(page.sent) < MOST_UNNOTED:
            page.number += 1
            told = msgspec.structs.replace(page.waiting, number=page.number)
            page.waiting = None
            page.sent.append(told)
            self._send(told)


def _together(first: Told, then: Told) -> Told:
    events: list[Said | Gave] = list(first.events)
    for event in then.events:
        last = events[-1] if events else None
        if isinstance(event, Said) and isinstance(last, Said):
            events[-1] = Said(last.text + event.text)
        else:
            events.append(event)
    return Told(then.id, then.attempt, first.started or then.started, events, then.ended)
