from collections.abc import Sequence

from darkroom.engine.choosing import PATIENCE, Candidate, next_batch
from darkroom.engine.interface import Order, Row
from darkroom.engine.room import Group, Lanes

HERE: Group = (1, "here")
THERE: Group = (1, "there")


def _row(total: int, *, lanes: int = 1, group: Group = HERE) -> Candidate:
    order = Order(prompt="", width=64, height=64, steps=total, seed=0)
    return Candidate(Row(order, 0, total, group[1], lanes), group)


def _chosen(
    rows: Sequence[Candidate],
    *,
    turn: int = 1,
    stepped: dict[Group, int] | None = None,
    lanes: int = 64,
    most: int = 64,
    cheap: bool = False,
) -> list[int]:
    batch = next_batch(
        rows,
        turn=turn,
        stepped=stepped or {},
        lanes=lambda _: Lanes(usual=lanes, most=most),
        cheap=lambda _group, _few, _many: cheap,
    )
    return [rows.index(one) for one in batch]


def test_all_rows_of_one_group_share_a_batch() -> None:
    assert _chosen([_row(20), _row(30), _row(20, group=THERE), _row(25)]) == [0, 1, 3]


def test_the_group_unserved_for_longest_is_next() -> None:
    rows = [_row(20), _row(20, group=THERE)]
    assert _chosen(rows, stepped={HERE: 3, THERE: 2}) == [1]
    assert _chosen(rows, stepped={HERE: 3, THERE: 4}) == [0]
    assert _chosen(rows, stepped={HERE: 3}) == [1]


def test_who_came_first_goes_on_where_there_is_no_room_for_all() -> None:
    rows = [_row(20, lanes=2), _row(20), _row(20, lanes=2), _row(20)]
    assert _chosen(rows, lanes=4) == [0, 1]
    assert _chosen(rows, lanes=5) == [0, 1, 2]


def test_one_row_is_served_however_little_room_there_is() -> None:
    assert _chosen([_row(20, lanes=2), _row(20)], lanes=1) == [0]


def test_a_long_order_steps_aside_for_a_short_one_in_most_turns_and_not_in_all() -> None:
    rows = [_row(100), _row(20)]
    turns = [_chosen(rows, turn=turn) for turn in range(1, PATIENCE + 1)]
    assert turns == [[1]] * (PATIENCE - 1) + [[0, 1]]


def test_a_long_order_of_another_group_has_its_turn_too() -> None:
    rows = [_row(100, group=THERE), _row(20)]
    turns = [_chosen(rows, turn=turn) for turn in range(1, PATIENCE + 1)]
    assert turns == [[1]] * (PATIENCE - 1) + [[0]]


def test_orders_of_like_length_do_not_step_aside() -> None:
    assert _chosen([_row(50), _row(20), _row(28)]) == [0, 1, 2]


def test_a_long_order_comes_along_where_that_costs_next_to_nothing() -> None:
    assert _chosen([_row(100), _row(20), _row(90)], cheap=True) == [1, 0, 2]
    assert _chosen([_row(100, group=THERE), _row(20)], cheap=True) == [1]


def test_a_long_order_comes_along_only_where_the_short_ones_leave_room() -> None:
    rows = [_row(100, lanes=2), _row(20, lanes=2), _row(20, lanes=2)]
    assert _chosen(rows, lanes=2, cheap=True) == [1]
    assert _chosen(rows, lanes=4, cheap=True) == [1, 2]
    assert _chosen(rows, lanes=6, cheap=True) == [1, 2, 0]


def test_the_rows_of_one_order_stay_together_as_far_as_there_is_room() -> None:
    order = Order(prompt="", width=64, height=64, steps=20, seed=0, count=4)
    rows = [Candidate(Row(order, index, 20, HERE[1], 2), HERE) for index in range(4)]
    rows.append(_row(20))
    assert _chosen(rows, lanes=2) == [0, 1, 2, 3]
    assert _chosen(rows, lanes=2, most=6) == [0, 1, 2]
    assert _chosen(rows, lanes=9) == [0, 1, 2, 3, 4]
