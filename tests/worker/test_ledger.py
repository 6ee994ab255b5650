"""What was told is kept until it is noted, in few messages, and waits between tries grow."""

import msgspec

from darkroom.protocol.messages import Ended, Gave, Noted, Said, Told
from darkroom.worker.backoff import FIRST_SECONDS, MOST_SECONDS, Backoff
from darkroom.worker.ledger import MOST_UNNOTED, Ledger

KEY = ("p", 1)
END = Ended("succeeded", None, "{}", 0.1)


def told(*events: Said | Gave, ended: Ended | None = None, started: bool = False) -> Told:
    return Told(*KEY, started, list(events), ended)


class Book:
    """A ledger, what it sent, and how often it was settled."""

    def __init__(self) -> None:
        self.sent: list[Told] = []
        self.settled = 0
        self.ledger = Ledger(self.sent.append, self.count)
        self.ledger.resume([])
        self.settled = 0

    def count(self) -> None:
        self.settled += 1

    @property
    def numbers(self) -> list[int]:
        return [one.number for one in self.sent]


def test_what_follows_too_many_unnoted_messages_waits_and_leaves_as_one() -> None:
    book = Book()
    for number in range(MOST_UNNOTED + 3):
        book.ledger.tell(told(Said(f"{number} ")))
    before = len(book.sent)
    book.ledger.noted(Noted(*KEY, 1))

    assert before == MOST_UNNOTED
    assert book.numbers == list(range(1, MOST_UNNOTED + 2))
    assert book.sent[-1].events == [Said(f"{MOST_UNNOTED} {MOST_UNNOTED + 1} {MOST_UNNOTED + 2} ")]


def test_what_was_never_sent_is_put_together_in_order() -> None:
    book = Book()
    book.ledger.pause()
    book.ledger.tell(told(Said("a"), started=True))
    book.ledger.tell(told(Gave(0, None, "1"), Said("b")))
    book.ledger.tell(told(Said("c"), ended=END))
    book.ledger.resume([KEY])

    whole = [Said("a"), Gave(0, None, "1"), Said("bc")]
    assert book.sent == [msgspec.structs.replace(told(*whole, ended=END, started=True), number=1)]


def test_what_was_sent_is_never_changed() -> None:
    book = Book()
    book.ledger.tell(told(Said("a")))
    book.ledger.pause()
    book.ledger.tell(told(Said("b")))
    book.ledger.resume([KEY])

    assert [(one.number, one.events) for one in book.sent] == [
        (1, [Said("a")]), (1, [Said("a")]), (2, [Said("b")])
    ]  # fmt: skip


def test_numbers_go_on_while_an_attempt_runs_and_it_is_settled_at_its_end() -> None:
    book = Book()
    book.ledger.tell(told(Said("a")))
    book.ledger.noted(Noted(*KEY, 1))
    early = book.settled, book.ledger.unnoted
    book.ledger.tell(told(ended=END))
    between = book.ledger.unnoted
    book.ledger.noted(Noted(*KEY, 2))

    assert early == (0, [])
    assert between == [KEY]
    assert (book.numbers, book.settled, book.ledger.unnoted) == ([1, 2], 1, [])


def test_what_is_dropped_is_told_no_more() -> None:
    book = Book()
    book.ledger.tell(told(Said("a")))
    book.ledger.drop([KEY])
    book.ledger.resume([])
    book.ledger.tell(told(Said("b")))
    book.ledger.tell(told(ended=END))
    book.ledger.noted(Noted(*KEY, 1))

    assert (book.numbers, book.ledger.unnoted) == ([1], [])


def test_waits_grow_to_a_limit_and_are_spread() -> None:
    calm, hasty = Backoff(lambda: 0.0), Backoff(lambda: 1.0)
    waits = [calm.seconds() for _ in range(9)]

    assert waits[:3] == [FIRST_SECONDS, 2 * FIRST_SECONDS, 4 * FIRST_SECONDS]
    assert waits[-1] == MOST_SECONDS
    assert hasty.seconds() == FIRST_SECONDS / 2


def test_who_is_expected_back_waits_no_longer_than_it_was_told() -> None:
    backoff = Backoff(lambda: 0.0)
    for _ in range(9):
        backoff.seconds()
    backoff.limit(1.0)

    assert [backoff.seconds() for _ in range(5)] == [0.2, 0.4, 0.8, 1.0, 1.0]
