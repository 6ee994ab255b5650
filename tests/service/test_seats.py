"""Which worker is given a run: the least busy one, and loading counts as if it were busy."""

from collections.abc import Sequence

import pytest

from darkroom.domain.ids import WorkerId
from darkroom.ports.predictions import Holder
from darkroom.service.catalogue import load_catalogue
from darkroom.service.seats import COLD_RUNS, Seat, best

CATALOGUE = load_catalogue({})
SD = CATALOGUE.resolve("stability-ai/stable-diffusion-img2img")[1]
KONTEXT = CATALOGUE.resolve("black-forest-labs/flux-kontext-dev")[1]
ECHO = CATALOGUE.resolve("darkroom/echo")[1]


def seat(*resident: str, slots: int = 8) -> Seat:
    return Seat(holder=Holder(worker=WorkerId("w"), incarnation=1),
                slots={"diffusers": slots, "echo": slots}, send=list[object]().append,
                close=lambda: None, heard_at=0.0, resident=resident)  # fmt: skip


def busy(one: Seat, *versions: str) -> Seat:
    for id_ in versions:
        one.hold((f"p{len(one.held)}", 1), "diffusers", CATALOGUE.version(id_)[1].id)
    return one


def shared(seats: Sequence[Seat], count: int) -> list[int]:
    """How many of so many orders of one model each worker gets."""
    given = [0] * len(seats)
    for number in range(count):
        chosen = best(seats, SD)
        assert chosen is not None
        chosen.take((f"order{number}", 1), SD)
        given[seats.index(chosen)] += 1
    return given


def test_who_has_it_loaded_and_is_idle_comes_first() -> None:
    cold, warm = seat(), seat(SD.id)
    assert best([cold, warm], SD) is warm


@pytest.mark.parametrize("loaded", [[], [0], [1], [0, 1]])
def test_a_burst_is_shared_whoever_has_the_model_loaded(loaded: Sequence[int]) -> None:
    seats = [seat(*([SD.id] if number in loaded else [])) for number in range(2)]
    assert shared(seats, 8) == [4, 4]


def test_a_few_orders_stay_where_the_model_is_loaded() -> None:
    assert shared([seat(), seat(SD.id)], COLD_RUNS) == [0, COLD_RUNS]


def test_of_those_that_have_it_loaded_the_least_busy_comes_first_whatever_it_runs() -> None:
    one = busy(seat(SD.id, KONTEXT.id), KONTEXT.id, KONTEXT.id)
    other = busy(seat(SD.id), SD.id)
    assert best([one, other], SD) is other


def test_who_could_not_load_it_comes_last() -> None:
    unable, warm = seat(), busy(seat(SD.id), *[SD.id] * 5)
    unable.stands([], {SD.id: "no room"})
    assert best([unable, warm], SD) is warm
    assert best([unable], SD) is unable


def test_where_it_makes_way_for_another_it_is_as_good_as_not_loaded() -> None:
    leaving, free = busy(seat(), SD.id), busy(seat(SD.id), SD.id, SD.id)
    leaving.stands([SD.id], {}, closed=[SD.id])
    assert best([leaving, free], SD) is free


def test_half_of_the_slots_are_kept_for_what_is_loaded() -> None:
    one = seat(KONTEXT.id)
    assert shared([one], 4) == [4]
    assert (one.free(SD), one.free(KONTEXT)) == (0, 4)
    one.stands([KONTEXT.id, SD.id], {})
    assert (one.free(SD), one.free(KONTEXT)) == (4, 4)


def test_a_version_that_makes_way_does_not_fill_the_slots_either() -> None:
    one = seat(KONTEXT.id)
    one.stands([KONTEXT.id, SD.id], {}, closed=[SD.id])
    assert (one.free(SD), one.free(KONTEXT)) == (4, 8)


def test_a_beat_that_tells_of_other_versions_is_told_from_others() -> None:
    one = seat()
    assert one.stands([SD.id], {})
    assert not one.stands([SD.id], {})
    assert one.stands([SD.id], {}, closed=[SD.id])
    assert one.stands([KONTEXT.id], {})
    assert one.stands([], {})


def test_a_single_slot_goes_to_anything() -> None:
    assert seat(slots=1).free(SD) == 1


def test_what_has_no_weights_may_have_every_slot() -> None:
    assert seat().free(ECHO) == 8
