"""What one attempt has to tell the server: in order, in as few messages as possible."""

from darkroom.protocol.messages import Ended, Gave, Key, Said, Told

MAX_LINE_LETTERS = 8 * 1024
MAX_LOG_LETTERS = 2**20
_CUT = "[the log is longer than 1 MiB; the rest is not kept]\n"


class Place:
    """Where an output will stand once its file is stored: events behind it wait."""

    __slots__ = ("gave",)

    def __init__(self) -> None:
        self.gave: Gave | None = None


class Telling:
    """Collects; `take` gives what may leave now."""

    __slots__ = ("_ended", "_events", "_key", "_letters", "_started")

    def __init__(self, key: Key) -> None:
        self._key = key
        self._started = False
        self._events: list[Said | Gave | Place] = []
        self._ended: Ended | None = None
        self._letters = 0

    def start(self) -> None:
        """run() has been entered."""
        self._started = True

    def say(self, text: str) -> None:
        """Add log text; long lines are cut, and so is a long log."""
        if self._letters > MAX_LOG_LETTERS:
            return
        if len(text) > MAX_LINE_LETTERS:
            text = "".join(_cut(line) for line in text.splitlines(keepends=True))
        self._letters += len(text)
        if self._letters > MAX_LOG_LETTERS:
            text = text[: len(text) - (self._letters - MAX_LOG_LETTERS)] + "\n" + _CUT
        last = self._events[-1] if self._events else None
        if isinstance(last, Said):
            self._events[-1] = Said(last.text + text)
        else:
            self._events.append(Said(text))

    def give(self, gave: Gave) -> None:
        """Add an output that is a value."""
        self._events.append(gave)

    def keep_place(self) -> Place:
        """Add an output whose file is still being stored."""
        place = Place()
        self._events.append(place)
        return place

    def end(self, ended: Ended) -> None:
        """Nothing follows; it leaves once every output before it is stored."""
        self._ended = ended

    def drop_unstored(self) -> None:
        """Forget outputs that will not be stored any more."""
        self._events = [
            event for event in self._events if not isinstance(event, Place) or event.gave
        ]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self._started or self._events or self._ended)

    def take(self, *, patient: bool) -> Told | None:
        """What may leave now; it is forgotten here.

        Args:
            patient: hold back log text that comes alone, and what an ended run has to say until
                all of it can leave together.
        """
        ready = self._ready()
        whole = len(ready) == len(self._events)
        if patient and (self._ended is not None and not whole):
            return None
        ended = self._ended if whole else None
        if not (self._started or ready or ended):
            return None
        if patient and not self._started and ended is None and _only_log(ready):
            return None
        told = Told(self._key[0], self._key[1], self._started, ready, ended)
        self._started = False
        self._events = self._events[len(ready) :]
        if ended is not None:
            self._ended = None
        return told

    def _ready(self) -> list[Said | Gave]:
        ready: list[Said | Gave] = []
        for event in self._events:
            stored = event.gave if isinstance(event, Place) else event
            if stored is None:
                break
            ready.append(stored)
        return ready


def _only_log(events: list[Said | Gave]) -> bool:
    return all(isinstance(event, Said) for event in events)


def _cut(line: str) -> str:
    if len(line) <= MAX_LINE_LETTERS:
        return line
    return line[:MAX_LINE_LETTERS] + "…" + ("\n" if line.endswith("\n") else "")
