"""What clients were told, call by call, and where the database contradicts it afterwards.

A client logs every call as told to be so (`ok`), refused (`refused`), or left without an answer
(`unknown`), with the times between which it happened. Whatever was told must be true of the
rows, whatever was refused must have left none, and what is unknown may be either.

Source: the method is that of Jepsen's checkers, over a recorded history.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tests.faults.rows import LIVE, Rows, Stored


class Verb(StrEnum):
    CREATE = "create"
    GET = "get"
    CANCEL = "cancel"


class Verdict(StrEnum):
    OK = "ok"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a client.

    Attributes:
        name: what the client calls the prediction; it stands in its input.
        began_at: seconds on the client's monotonic clock, as is `ended_at`.
        id: of the prediction, where it is known.
        status: what an answer showed.
        webhook: whether a creation asked for the end to be told.
    """

    verb: Verb
    verdict: Verdict
    name: str
    began_at: float
    ended_at: float
    id: str | None = None
    status: str | None = None
    webhook: bool = False


@dataclass(slots=True)
class History:
    """Calls of many threads."""

    calls: list[Call] = field(default_factory=list[Call])
    _news: threading.Condition = field(default_factory=threading.Condition)

    def add(self, call: Call) -> None:
        with self._news:
            self.calls.append(call)
            self._news.notify_all()

    def count(self, verb: Verb, verdict: Verdict) -> int:
        return sum((one.verb, one.verdict) == (verb, verdict) for one in self.calls)

    def wait_for_more(self, verb: Verb, verdict: Verdict, more: int, seconds: float = 60.0) -> None:
        """Return once so many *more* such calls have been told."""
        with self._news:
            before = self.count(verb, verdict)
            enough = self._news.wait_for(
                lambda: self.count(verb, verdict) >= before + more, seconds
            )
        assert enough, f"no {more} calls of {verb} were {verdict} within {seconds} s"


def contradictions(calls: Sequence[Call], rows: Rows, *, outputs: int = 1) -> list[str]:
    """Everything that is not as it was told, or that no order of events can explain.

    Args:
        calls: of all clients.
        rows: what the database holds afterwards.
        outputs: how many each run that succeeds gives.
    """
    found = [*_creations(calls, rows), *_reads(calls, rows)]
    for one in rows.predictions:
        found += _attempts(one, rows)
        found += _items(one, rows, outputs)
        found += _webhooks(one, rows)
        found += _events(one, rows)
    return found


def unended(rows: Rows) -> list[str]:
    """Ids of what has not come to a final status."""
    return [one.id for one in rows.predictions if not one.ended]


def _creations(calls: Sequence[Call], rows: Rows) -> Iterator[str]:
    made: dict[str, list[Stored]] = defaultdict(list)
    for one in rows.predictions:
        made[one.name].append(one)
    asked: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.verb is Verb.CREATE:
            asked[call.name].append(call)
    yield from (f"{name} was never asked for" for name in made.keys() - asked.keys())
    for name, creates in asked.items():
        yield from _creation(name, creates, made[name])


def _creation(name: str, creates: Sequence[Call], made: Sequence[Stored]) -> Iterator[str]:
    """What clients were told of creating *name*, beside what was made."""
    if len(made) > 1:
        yield f"{name} was made {len(made)} times"
    told = {one.id for one in creates if one.verdict is Verdict.OK}
    lost = told - {one.id for one in made}
    yield from (f"{name} was accepted as {id_} and is not there" for id_ in lost)
    if made and all(one.verdict is Verdict.REFUSED for one in creates):
        yield f"{name} was refused every time and is there"
    wanted = any(one.webhook for one in creates)
    if any(one.webhook != wanted for one in made):
        yield f"{name} has lost its webhook, or got one"


def _reads(calls: Sequence[Call], rows: Rows) -> Iterator[str]:
    """A status seen by one call is never undone by a later call, nor by the rows."""
    last = {one.id: one for one in rows.predictions}
    seen: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.id is None:
            continue
        if call.status is not None:
            seen[call.id].append(call)
        elif call.verb is not Verb.CREATE and call.verdict is Verdict.REFUSED:
            yield f"{call.id} was refused to a {call.verb} although it was accepted"
    for id_, answers in seen.items():
        stored = last.get(id_)
        if stored is None:
            yield f"{id_} was shown and is not there"
            continue
        told = [*answers, _as_read_last(stored)]
        yield from _steps_back(id_, told)


def _steps_back(id_: str, answers: Iterable[Call]) -> Iterator[str]:
    """Pairs of answers, one begun after the other had ended, between which a status went back."""
    before: list[Call] = []
    for later in sorted(answers, key=lambda one: one.began_at):
        for earlier in before:
            if earlier.ended_at < later.began_at and not _may_follow(earlier, later):
                yield f"{id_} was {earlier.status} and then {later.status}"
        before.append(later)


def _may_follow(earlier: Call, later: Call) -> bool:
    if earlier.status in LIVE:
        return LIVE.index(earlier.status) <= _place(later.status)
    return later.status == earlier.status


def _place(status: str | None) -> int:
    return LIVE.index(status) if status in LIVE else len(LIVE)


def _as_read_last(stored: Stored) -> Call:
    """A row, as if somebody had read it when all was over."""
    return Call(
        verb=Verb.GET,
        verdict=Verdict.OK,
        name=stored.name,
        began_at=float("inf"),
        ended_at=float("inf"),
        id=stored.id,
        status=stored.shown,
    )


def _attempts(one: Stored, rows: Rows) -> Iterator[str]:
    tried = rows.attempts_of(one.id)
    if [attempt.number for attempt in tried] != list(range(1, one.attempt + 1)):
        yield f"{one.id} is at attempt {one.attempt}, and its attempts have a gap"
    open_ = [attempt.number for attempt in tried if attempt.outcome is None]
    if not one.ended and open_ != ([one.attempt] if one.claimed else []):
        yield f"{one.id} is {'' if one.claimed else 'not '}claimed, and open are {open_}"
    ends = [attempt.number for attempt in tried if attempt.outcome == one.status]
    if one.status == "succeeded" and ends != [one.attempt]:
        yield f"{one.id} succeeded at attempt {one.attempt}, and attempts {ends} did"


def _items(one: Stored, rows: Rows, outputs: int) -> Iterator[str]:
    shown = rows.outputs_of(one.id)
    tried = {attempt.number for attempt in rows.attempts_of(one.id)}
    if {item.attempt for item in shown} - tried:
        yield f"{one.id} has an output of an attempt that never was"
    if one.status == "succeeded":
        won = [item.place for item in shown if item.attempt == one.attempt]
        if sorted(won) != list(range(outputs)):
            yield f"{one.id} succeeded, and its winner's outputs are {won}"


def _webhooks(one: Stored, rows: Rows) -> Iterator[str]:
    ends = rows.told_of(one.id).count("completed")
    if ends != int(one.webhook and one.ended):
        yield f"{one.id} is {one.status} and its end is told {ends} times"


def _events(one: Stored, rows: Rows) -> Iterator[str]:
    """Log lines and outputs are numbered once each; what ends a stream has the last numbers."""
    numbers = Counter(rows.numbers_of(one.id))
    twice = [number for number, times in numbers.items() if times > 1]
    if twice:
        yield f"{one.id} has two events {twice}"
    closing = one.events - sum(numbers.values())
    if closing != one.closing or sorted(numbers) != list(range(1, len(numbers) + 1)):
        yield f"{one.id} counts {one.events} events, and has {sorted(numbers)}"
