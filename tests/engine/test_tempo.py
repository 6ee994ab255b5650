from darkroom.engine.room import Group
from darkroom.engine.tempo import Tempo

HERE: Group = (1, "here")


def test_more_rows_are_cheap_once_both_numbers_were_seen_to_take_as_long() -> None:
    tempo = Tempo()
    assert not tempo.cheap(HERE, 2, 4)
    tempo.learned(HERE, 2, 1.0)
    assert not tempo.cheap(HERE, 2, 4)
    tempo.learned(HERE, 4, 1.1)
    assert tempo.cheap(HERE, 2, 4)
    assert not tempo.cheap((1, "there"), 2, 4)


def test_more_rows_are_not_cheap_where_they_take_longer() -> None:
    tempo = Tempo()
    tempo.learned(HERE, 2, 1.0)
    tempo.learned(HERE, 4, 1.6)
    assert not tempo.cheap(HERE, 2, 4)


def test_one_slow_call_is_forgotten_after_some_quick_ones() -> None:
    tempo = Tempo()
    tempo.learned(HERE, 2, 1.0)
    for seconds in (9.0, *[1.0] * 15):
        tempo.learned(HERE, 4, seconds)
    assert tempo.cheap(HERE, 2, 4)


def test_what_is_known_of_an_engine_goes_with_it() -> None:
    tempo = Tempo()
    for lanes in (2, 4):
        tempo.learned(HERE, lanes, 1.0)
    tempo.forget(1)
    assert not tempo.cheap(HERE, 2, 4)
