"""Buckets, queues and room under a clock that a test moves."""

from dataclasses import dataclass

import pytest

from darkroom.domain.errors import FilesUnavailable, Throttled
from darkroom.domain.ids import Owner, PredictionId
from darkroom.service.limits import Guesses, Left, Queue, Rates, Room, Searches, Streams
from darkroom.service.owners import Owners, Terms

ADA, BOB = Owner("ada"), Owner("bob")


@dataclass
class Watch:
    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


def throttled(rates: Rates, *, create: bool = True) -> int:
    with pytest.raises(Throttled) as refused:
        rates.take("key", create=create)
    assert f"~{refused.value.retry_seconds}s" in str(refused.value)
    return refused.value.retry_seconds


def test_the_first_creations_leave_what_the_hosted_service_leaves() -> None:
    rates = Rates(600, Watch())

    assert rates.take("key", create=True) == Left(599, 1)
    assert rates.take("key", create=False) == Left(2999, 1)


def test_a_burst_of_a_minute_is_taken_and_no_more() -> None:
    watch = Watch()
    rates = Rates(600, watch)
    left = [rates.take("key", create=True) for _ in range(600)]

    assert left[-1] == Left(0, 60)
    assert throttled(rates) == 1
    assert rates.take("key", create=False) is not None
    assert rates.take("another", create=True) == Left(599, 1)


def test_several_are_taken_together_or_not_at_all() -> None:
    watch = Watch()
    rates = Rates(6, watch)

    assert rates.take("key", create=True, count=4) == Left(2, 40)
    with pytest.raises(Throttled, match="~10s"):
        rates.take("key", create=True, count=3)
    assert rates.take("key", create=True, count=2) == Left(0, 60)


def test_searches_of_an_address_are_counted_alone() -> None:
    watch = Watch()
    searches = Searches(2, watch)
    for address in ("a", "a", "b"):
        searches.take(address)
    with pytest.raises(Throttled, match="Send your key") as refused:
        searches.take("a")
    assert refused.value.retry_seconds == 30
    watch.seconds += 30
    searches.take("a")


def test_a_bucket_is_refilled_evenly_and_never_beyond_its_size() -> None:
    watch = Watch()
    rates = Rates(6, watch)
    for _ in range(6):
        rates.take("key", create=True)
    assert throttled(rates) == 10
    watch.seconds += 9.0
    assert throttled(rates) == 1
    watch.seconds += 1.0
    assert rates.take("key", create=True) == Left(0, 60)
    watch.seconds += 3600
    assert rates.take("key", create=True) == Left(5, 10)


def test_what_is_refused_takes_nothing() -> None:
    watch = Watch()
    rates = Rates(1, watch)
    rates.take("key", create=True)
    for _ in range(1000):
        throttled(rates)
    watch.seconds += 60

    assert rates.take("key", create=True) == Left(0, 60)


def test_zero_limits_nothing_and_tells_nothing() -> None:
    rates = Rates(0, Watch())

    assert [rates.take("key", create=create) for create in (True, False)] == [None, None]


def test_a_flood_of_addresses_is_not_remembered_for_ever() -> None:
    watch = Watch()
    guesses = Guesses(1, watch)
    for number in range(10_000):
        guesses.wrong(f"10.0.{number}")
    assert len(guesses._wrong._levels) <= 4096  # pyright: ignore[reportPrivateUsage]  # memory is the point
    with pytest.raises(Throttled):
        guesses.wrong("10.0.9999")


def test_a_flood_of_names_refills_no_bucket_that_is_empty() -> None:
    rates = Rates(3, Watch())
    for _ in range(3):
        rates.take("key", create=True)
    for number in range(20_000):
        rates.take(f"other {number}", create=True)

    assert throttled(rates) == 20


def test_an_address_with_too_many_wrong_keys_is_refused_for_a_while() -> None:
    watch = Watch()
    guesses = Guesses(30, watch)
    for _ in range(30):
        guesses.wrong("10.0.0.1")
    with pytest.raises(Throttled, match="wrong keys"):
        guesses.wrong("10.0.0.1")
    with pytest.raises(Throttled, match="wrong keys"):
        guesses.right("10.0.0.1", "key")
    guesses.right("10.0.0.2", "key")
    watch.seconds += 2
    guesses.right("10.0.0.1", "key")


def test_a_key_that_was_let_in_from_an_address_stays_so() -> None:
    guesses = Guesses(1, Watch())
    guesses.right("127.0.0.1", "key")
    guesses.wrong("127.0.0.1")

    guesses.right("127.0.0.1", "key")
    with pytest.raises(Throttled):
        guesses.right("127.0.0.1", "another")


def test_an_owner_has_only_so_many_predictions_that_have_not_ended() -> None:
    queue = Queue(Owners(others=Terms(queued=2)))
    for id_ in ("a", "b"):
        queue.enter(ADA, PredictionId(id_))
    queue.enter(BOB, PredictionId("c"))
    with pytest.raises(Throttled, match="2 predictions that have not ended"):
        queue.enter(ADA, PredictionId("d"))
    for _ in range(2):
        queue.leave(ADA, PredictionId("a"))
    queue.enter(ADA, PredictionId("d"))
    with pytest.raises(Throttled):
        queue.enter(ADA, PredictionId("e"))


def test_an_owner_has_only_so_many_streams_open() -> None:
    streams = Streams(1)
    with (
        streams.opened(ADA),
        streams.opened(BOB),
        pytest.raises(Throttled, match="1 streams"),
        streams.opened(ADA),
    ):
        pass
    with streams.opened(ADA):
        pass


def test_the_disk_is_looked_at_once_a_second() -> None:
    watch, looks = Watch(), [99, 101]
    room = Room(lambda: looks.pop(0), 100, watch)
    for _ in range(5):
        with pytest.raises(
            FilesUnavailable, match=r"nearly full \(\d+ MiB free, below the limit of \d+ MiB\)"
        ):
            room.check()
    watch.seconds += 1
    for _ in range(5):
        room.check()
    assert looks == []
