"""Previews come from a watched run alone, whenever its looker comes."""

from pathlib import Path

from tests.worker.elsewhere import far
from tests.worker.scripted import rig, spec

from darkroom.protocol.messages import Gave, Preview, Stop, Watch

SHOWS = spec("tests.zoo.shows_previews:Runner")
LONG = {"ms": 3_600_000}


async def test_a_watched_run_shows_previews_until_nobody_looks(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        heard = here.server.job(SHOWS, LONG, name="p1")
        await heard.changed.wait()
        here.server.send(Watch("p1", 1, wanted=True))
        await here.server.preview.wait()
        here.server.send(Watch("p1", 1, wanted=False))
        here.server.send(Watch("p1", 1, wanted=True))
        here.server.preview.clear()
        await here.server.preview.wait()

        picture = here.server.previews[0]
        assert (picture.id, picture.attempt, picture.width, picture.height) == ("p1", 1, 24, 16)
        assert picture.data[:3] == b"\xff\x01\x00"


async def test_a_looker_who_comes_before_the_model_is_loaded_is_not_forgotten(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as here:
        here.server.job(SHOWS, LONG, name="p1")
        here.server.send(Watch("p1", 1, wanted=True))
        await here.server.preview.wait()

        assert here.server.previews[0].data[:3] == b"\xff\x01\x00"


async def test_a_run_that_nobody_looks_at_shows_none(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        here.server.send(Watch("p2", 1, wanted=True))  # of no run here
        heard = await here.server.run(SHOWS, {"ms": 200})

        assert heard.gave[0].value == '"0"'
        assert here.server.previews == []


async def test_a_worker_that_lost_its_line_shows_nothing_until_it_is_asked_again(
    tmp_path: Path,
) -> None:
    async with far(tmp_path) as here:
        key = here.job('{"ms":3600000}', version=SHOWS)
        here.line.received(Watch(*key, wanted=True))
        await here.until(lambda: bool(here.line.all(Preview)))
        here.break_line()
        await here.welcome(key)
        unasked = here.line
        here.line.received(Stop(*key))
        await here.end_of(key)

        assert unasked.all(Preview) == []


async def test_previews_keep_nothing_else_waiting_on_a_slow_line(tmp_path: Path) -> None:
    async with far(tmp_path) as here:
        here.line.congested = True
        key = here.job('{"ms":200}', version=SHOWS)
        here.line.received(Watch(*key, wanted=True))
        end = await here.end_of(key)

        assert any(isinstance(one, Gave) and one.value != '"0"' for one in end.events)
        assert here.line.all(Preview) == []
