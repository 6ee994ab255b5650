from darkroom.engine.room import FIRST_LANES, FORGIVEN, Group, Room
from darkroom.engine.settings import MOST_ROWS

GROUP: Group = (1, (64, 64))
OTHER: Group = (2, (64, 64))


def test_a_geometry_not_met_before_begins_with_one_picture() -> None:
    assert Room(lambda: 10**12).lanes(GROUP).usual == FIRST_LANES


def test_a_batch_doubles_as_long_as_there_is_room() -> None:
    room = Room(lambda: 1000)
    met: list[int] = []
    for _ in range(5):
        lanes = room.lanes(GROUP).usual
        met.append(lanes)
        room.learned(GROUP, lanes, 100 * lanes, alone=True)
    assert met == [2, 4, 8, 9, 9]  # 1000 bytes less the margin, 100 for each


def test_what_a_row_took_at_most_is_what_counts() -> None:
    room = Room(lambda: 1000)
    room.learned(GROUP, 4, 800, alone=True)
    room.learned(GROUP, 4, 40, alone=True)
    assert room.lanes(GROUP).usual == 4


def test_less_memory_means_fewer_rows_but_never_none() -> None:
    free = [1000]
    room = Room(lambda: free[0])
    room.learned(GROUP, 4, 400, alone=True)
    free[0] = 250
    assert room.lanes(GROUP).usual == 2
    free[0] = 0
    assert room.lanes(GROUP).usual == 1


def test_where_nobody_knows_what_is_free_only_refusals_count() -> None:
    room = Room(lambda: None)
    room.learned(GROUP, 8, 10**15, alone=True)
    assert room.lanes(GROUP).usual == 16
    room.refused(GROUP, 16)
    assert room.lanes(GROUP).usual == 8


def test_what_was_refused_is_halved_until_it_fits() -> None:
    room = Room(lambda: None)
    room.learned(GROUP, 8, 0, alone=True)
    for lanes in (16, 8, 4, 2, 1):
        assert room.lanes(GROUP).usual == lanes
        room.refused(GROUP, lanes)
    assert room.lanes(GROUP).usual == 1


def test_after_a_while_more_is_tried_again() -> None:
    room = Room(lambda: None)
    room.learned(GROUP, 8, 0, alone=True)
    room.refused(GROUP, 8)
    for _ in range(FORGIVEN):
        assert room.lanes(GROUP).usual == 4
        room.learned(GROUP, 4, 0, alone=True)
    assert room.lanes(GROUP).usual == 8


def test_what_was_measured_while_others_computed_counts_until_there_is_better() -> None:
    room = Room(lambda: 1000)
    room.learned(GROUP, 2, 1600, alone=False)
    assert room.lanes(GROUP).usual == 1
    room.learned(GROUP, 1, 100, alone=True)
    room.learned(GROUP, 1, 900, alone=False)
    assert room.lanes(GROUP).usual == 4


def test_no_batch_is_larger_than_the_most_rows() -> None:
    room = Room(lambda: None)
    room.learned(GROUP, MOST_ROWS, 0, alone=True)
    assert room.lanes(GROUP).usual == MOST_ROWS


def test_geometries_and_engines_are_learned_of_apart() -> None:
    room = Room(lambda: 1000)
    room.learned(GROUP, 2, 1000, alone=True)
    assert (room.lanes(GROUP).usual, room.lanes(OTHER).usual) == (1, FIRST_LANES)
    room.forget(1)
    assert room.lanes(GROUP).usual == FIRST_LANES


def test_a_single_order_may_have_more_than_was_tried_but_not_more_than_there_is_room() -> None:
    room = Room(lambda: 1000)
    assert room.lanes(GROUP).most == MOST_ROWS
    room.learned(GROUP, 2, 200, alone=True)
    assert room.lanes(GROUP).most == 9
    room.refused(GROUP, 8)
    assert room.lanes(GROUP).most == 4
