"""What the database holds of predictions, read at one moment from either database."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

from tests.store.places import Hand

LIVE = ("starting", "processing")
_CLOSING = {"failed": 2, "aborted": 1, "canceled": 1, "succeeded": 1}
"""How many events end a stream: an error if there is one, then always `done`."""

Execute = Callable[[str], Sequence[tuple[object, ...]]]


class Stored(NamedTuple):
    """A prediction's row, and the `prompt` of its input, by which its client calls it."""

    id: str
    name: str
    status: str
    attempt: int
    claimed: bool
    events: int
    webhook: bool

    @property
    def ended(self) -> bool:
        return self.status not in LIVE

    @property
    def shown(self) -> str:
        """The status as the wire has it."""
        return "canceled" if self.status == "aborted" else self.status

    @property
    def closing(self) -> int:
        """How many events its end has."""
        return _CLOSING.get(self.status, 0)


class Tried(NamedTuple):
    id: str
    number: int
    outcome: str | None


class Item(NamedTuple):
    """An output, or with attempt 0 an input that became a file."""

    id: str
    attempt: int
    place: int
    n: int | None


class Line(NamedTuple):
    id: str
    n: int


class Told(NamedTuple):
    """A row of the outbox."""

    id: str
    kind: str


OfOne = TypeVar("OfOne", Tried, Item, Line, Told)


@dataclass(frozen=True, kw_only=True)
class Rows:
    """All rows of predictions."""

    predictions: Sequence[Stored]
    attempts: Sequence[Tried]
    items: Sequence[Item]
    lines: Sequence[Line]
    deliveries: Sequence[Told]

    def attempts_of(self, id_: str) -> list[Tried]:
        """By number."""
        return sorted(self._attempts[id_], key=lambda one: one.number)

    def outputs_of(self, id_: str) -> list[Item]:
        return [one for one in self._items[id_] if one.attempt > 0]

    def numbers_of(self, id_: str) -> list[int]:
        """Numbers of its log lines and of the outputs that were streamed."""
        streamed = (one.n for one in self.outputs_of(id_) if one.n is not None)
        return [*(one.n for one in self._lines[id_]), *streamed]

    def told_of(self, id_: str) -> list[str]:
        """Kinds of its rows of the outbox."""
        return [one.kind for one in self._deliveries[id_]]

    @cached_property
    def _attempts(self) -> Mapping[str, list[Tried]]:
        return _by_id(self.attempts)

    @cached_property
    def _items(self) -> Mapping[str, list[Item]]:
        return _by_id(self.items)

    @cached_property
    def _lines(self) -> Mapping[str, list[Line]]:
        return _by_id(self.lines)

    @cached_property
    def _deliveries(self) -> Mapping[str, list[Told]]:
        return _by_id(self.deliveries)


def _by_id(rows: Sequence[OfOne]) -> Mapping[str, list[OfOne]]:
    found: dict[str, list[OfOne]] = defaultdict(list)
    for one in rows:
        found[one.id].append(one)
    return found


def read(execute: Execute) -> Rows:
    """Read all; *execute* takes a statement and gives its rows."""
    found = execute(
        "select p.id, i.input, p.status, p.attempt, p.claimed, p.event_count, p.webhook "
        "from predictions p left join inputs i on i.prediction_id = p.id order by p.id"
    )
    return Rows(
        predictions=[_stored(row) for row in found],
        attempts=[
            Tried(*cast("tuple[str, int, str | None]", row))
            for row in execute("select prediction_id, attempt, outcome from attempts")
        ],
        items=[
            Item(*cast("tuple[str, int, int, int | None]", row))
            for row in execute("select prediction_id, attempt, place, n from items")
        ],
        lines=[
            Line(*cast("tuple[str, int]", row))
            for row in execute("select prediction_id, n from log_lines")
        ],
        deliveries=[
            Told(*cast("tuple[str, str]", row))
            for row in execute("select prediction_id, kind from deliveries")
        ],
    )


def _stored(row: tuple[object, ...]) -> Stored:
    id_, text, status, attempt, claimed, events, webhook = row
    given = cast("dict[str, object]", json.loads(cast("str", text))) if text else {}
    return Stored(
        id=cast("str", id_),
        name=str(given.get("prompt")),
        status=cast("str", status),
        attempt=cast("int", attempt),
        claimed=claimed == 1,
        events=cast("int", events),
        webhook=webhook is not None,
    )


def read_sqlite(path: Path) -> Rows:
    """All rows of the SQLite file at *path*, as they were at one moment."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
        connection.execute("begin")
        return read(lambda text: connection.execute(text).fetchall())


class Attempt(NamedTuple):
    """How an attempt went; times are Unix milliseconds."""

    outcome: str | None
    error: str | None
    ended_at: int | None


def attempts(path: Path, id_: object) -> list[Attempt]:
    """The attempts of a prediction in the SQLite file at *path*, by number."""
    asked = "select outcome, error, ended_at from attempts where prediction_id = ? order by attempt"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
        return [Attempt(*row) for row in connection.execute(asked, (id_,)).fetchall()]


def read_hand(hand: Hand) -> Rows:
    """All rows behind *hand*, as they are while nobody writes."""
    return read(lambda text: hand.execute(text).fetchall())
