"""How many runs of a version a worker takes, by what it has loaded."""

from collections.abc import Sequence

from darkroom.domain.ids import WorkerId
from darkroom.ports.predictions import Holder
from darkroom.service.catalogue import load_catalogue
from darkroom.service.seats import Seat, best

CATALOGUE = load_catalogue({})
SD = CATALOGUE.resolve("stability-ai/stable-diffusion-img2img")[1]
KONTEXT = CATALOGUE.resolve("black-forest-labs/flux-kontext-dev")[1]
ECHO = CATALOGUE.resolve("darkroom/echo")[1]


def seat(*resident: str, slots: int = 8) -> Seat:
    return Seat(holder=Holder(worker=WorkerId("w"), incarnation=1),
                slots={"diffusers": slots, "echo": slots}, send=list[object]().append,
                close=lambda: None, heard_at=0.0, resident=resident)  # fmt: skip


def shared(seats: Sequence[Seat], count: int) -> list[int]:
    """How many of so many orders of one model each worker gets."""
    given = [0] * len(seats)
    for number in range(count):
        chosen = best(seats, SD)
        assert chosen is not None
        chosen.take((f"order{number}", 1), SD)
        given[seats.index(chosen)] += 1
    return given


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
