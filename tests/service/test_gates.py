"""Nobody's receiver takes the room of others, and one that fails is left alone for a while."""

import math

from tests.support.hands import HandClock

from darkroom.service.gates import FAILURES, IN_ALL, PER_ENDPOINT, PER_HOST, PROBE_SECONDS, Gates

HERE = "https://a.test/x"


def failing(gates: Gates, times: int = FAILURES) -> None:
    for _ in range(times):
        gates.failed(HERE)


def test_an_endpoint_is_sent_two_at_a_time() -> None:
    gates = Gates(HandClock())
    assert gates.room(HERE) == PER_ENDPOINT == 2
    gates.enter(HERE, 2)
    assert gates.room(HERE) == 0
    assert gates.room("https://a.test/y") == 2
    gates.leave(HERE)
    assert gates.room(HERE) == 1


def test_a_host_has_room_for_thirty_two_whatever_its_port_is_called() -> None:
    gates = Gates(HandClock())
    for number in range(PER_HOST // 2):
        gates.enter(f"https://a.test/{number}", 2)
    for same in ("https://A.test/more", "https://a.test:8443/x", "http://me:secret@a.test/x"):
        assert gates.room(same) == 0
    assert gates.room("https://b.test/more") == 2


def test_there_is_room_for_sixty_four_in_all() -> None:
    gates = Gates(HandClock())
    for number in range(IN_ALL - 1):
        gates.enter(f"https://h{number}.test/", 1)
    assert gates.room("https://more.test/") == 1
    gates.enter("https://more.test/", 1)
    assert gates.room("https://last.test/") == 0


def test_after_five_failures_in_a_row_one_try_a_minute_is_let_through() -> None:
    clock = HandClock()
    gates = Gates(clock)
    failing(gates, FAILURES - 1)
    assert gates.room(HERE) == 2
    assert gates.probe_in(HERE) == math.inf
    failing(gates, 1)
    assert gates.room(HERE) == 0
    assert PROBE_SECONDS - 1 < gates.probe_in(HERE) <= PROBE_SECONDS

    clock.forward(PROBE_SECONDS)
    assert gates.room(HERE) == 1
    gates.enter(HERE, 1)
    assert gates.room(HERE) == 0
    gates.failed(HERE)
    gates.leave(HERE)
    assert gates.room(HERE) == 0


def test_a_success_opens_an_endpoint_again() -> None:
    clock = HandClock()
    gates = Gates(clock)
    failing(gates)
    clock.forward(PROBE_SECONDS)
    gates.answered(HERE)
    assert gates.room(HERE) == 2
    failing(gates, FAILURES - 1)
    assert gates.room(HERE) == 2


def test_what_keeps_an_endpoint_waiting_is_told_once_when_it_begins_and_when_it_ends() -> None:
    clock = HandClock()
    gates = Gates(clock)
    assert [gates.failed(HERE) for _ in range(FAILURES + 1)] == [False] * 4 + [True, False]
    shut = gates.shut(HERE)

    assert shut is not None
    assert shut.failures == FAILURES + 1
    assert abs(shut.next_at - clock.wall_ms() - PROBE_SECONDS * 1000) < 1000
    assert [gates.answered(HERE), gates.answered(HERE)] == [True, False]
    assert gates.shut(HERE) is None


def test_a_failing_endpoint_does_not_shut_its_host() -> None:
    gates = Gates(HandClock())
    failing(gates)
    assert gates.room("https://a.test/other") == 2


def test_an_address_that_cannot_be_read_is_counted_all_the_same() -> None:
    gates = Gates(HandClock())
    gates.enter("http://[", 2)
    assert gates.room("http://[") == 0
