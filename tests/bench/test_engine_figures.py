"""The figures of group `engine` are the ratios and medians that they say they are."""

from collections.abc import Mapping

import pytest
from bench.engine import cancel, join, load, pace
from bench.engine.asked import Came, Made
from bench.engine.case import EAGER, OPENVINO, STOCK, TINY
from bench.engine.pixels import difference
from bench.figures import Figure


def _turn(maker: str, flight: int, seconds: float, *, busy: float | None = None) -> pace.Turn:
    count = 1 if maker == STOCK else flight
    pixels = {STOCK: b"\x00\x10", EAGER: b"\x01\x10", OPENVINO: b"\x00\x13"}[maker]
    came = Came(seconds=seconds, first=0.0, steps=20, pixels=pixels)
    peak = {STOCK: 1000.0, EAGER: 1500.0, OPENVINO: 3000.0}[maker]
    made = Made(seconds=seconds, came=(came,) * count, busy=busy, peak_mb=peak)
    return pace.Turn(maker=maker, load=flight, made=made)


def _named(figures: list[Figure]) -> Mapping[str, Figure]:
    return {figure.name.removeprefix("tiny, ").removeprefix("tiny: "): figure for figure in figures}


def _paced() -> Mapping[str, Figure]:
    done = [_turn(STOCK, 1, 4.0), _turn(STOCK, 8, 5.0), _turn(STOCK, 8, 9.0)]
    done += [_turn(EAGER, flight, 5.0 * flight / 1.5, busy=0.8) for flight in pace.LOADS]
    done += [_turn(OPENVINO, flight, flight, busy=0.5) for flight in pace.LOADS]
    return _named(pace.figures(TINY, done))


@pytest.mark.parametrize(("flight", "goal"), [(1, 1.0), (4, None), (8, 1.3)])
def test_the_engine_is_held_against_the_stock_pictures_of_all_loads(
    flight: int, goal: float | None
) -> None:
    figure = _paced()[f"{flight} in flight: engine against stock"]
    assert figure.baseline == pytest.approx(0.2)
    assert figure.ratio == pytest.approx(1.5)
    assert (figure.goal, figure.met) == (goal, None if goal is None else True)


def test_openvino_is_held_against_the_engine_without_it() -> None:
    figure = _paced()["8 in flight: OpenVINO against eager"]
    assert figure.ratio == pytest.approx(1.0 / 0.3)
    assert (figure.goal, figure.met) == (2.0, True)
    assert _paced()["8 in flight: OpenVINO against stock"].ratio == pytest.approx(5.0)


def test_the_busy_share_is_that_of_the_eager_engine() -> None:
    figure = _paced()["8 in flight: time in which the denoiser computes"]
    assert (figure.value, figure.met) == (0.8, False)


def test_memory_and_pictures_are_held_against_the_stock_pipeline() -> None:
    found = _paced()
    assert found["8 in flight: peak memory, engine against stock"].ratio == 1.5
    assert found["greatest difference of a channel, engine and stock"].value == 1
    assert found["greatest difference of a channel, OpenVINO and stock"].met is False


def test_without_openvino_nothing_is_told_of_it() -> None:
    done = [_turn(maker, flight, 1.0) for maker in (STOCK, EAGER) for flight in pace.LOADS]
    names = _named(pace.figures(TINY, done))
    assert [name for name in names if "OpenVINO" in name] == []


def test_a_tick_is_allowed_to_a_short_order_behind_a_long_one() -> None:
    pairs = [
        join.Pair(alone=10.0, behind=behind, first=1.0, tick=2.0) for behind in (12.0, 16.0, 15.0)
    ]
    figure = join.figures(TINY, pairs)[0]
    assert figure.ratio == pytest.approx(1.3)
    assert figure.met is True


def test_of_several_cancels_the_worst_counts() -> None:
    one = cancel.Seen(ticks=1, seconds=0.5, levels=0)
    other = cancel.Seen(ticks=2, seconds=0.1, levels=2)
    ticks, _, levels = cancel.figures(TINY, [one, other])
    assert [(figure.value, figure.met) for figure in (ticks, levels)] == [(2, False), (2, False)]


def test_loads_are_compared_warm_with_warm_and_cold_with_cold() -> None:
    done = [
        load.Load(maker=maker, cold=cold, seconds=seconds, read_mb=5.0, peak_mb=peak)
        for maker, peak in ((STOCK, 100.0), (EAGER, 110.0))
        for cold, seconds in ((False, 2.0 if maker == STOCK else 3.0), (True, 8.0))
    ]
    found = _named(load.figures(TINY, done))
    assert found["load, warm: engine against stock"].ratio == pytest.approx(1.5)
    assert found["load, cold: engine against stock"].ratio == pytest.approx(1.0)
    assert found["1 in flight: peak memory, engine against stock"].ratio == pytest.approx(1.1)


def test_pictures_of_different_sizes_are_no_pair() -> None:
    with pytest.raises(ValueError, match="2 and 3 bytes"):
        difference(b"\x00\x00", b"\x00\x00\x00")
    with pytest.raises(ValueError, match="cannot be compared"):
        difference(b"", b"")
