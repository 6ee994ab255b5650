"""How a run publishes its pictures, and learns that it is over."""

import asyncio
from collections.abc import Callable

import pytest
from PIL import Image
from tests.engine.making import tiny_engine
from tests.runners.test_diffusers import Recorder
from tests.support.checkers import hungry

from darkroom.domain.errors import RunFailed
from darkroom.domain.families import Family, Schema
from darkroom.engine.interface import Engine, NoRoom, Order, Picture, Row
from darkroom.engine.safety import SafetyChecker
from darkroom.engine.tiny import tiny_weights
from darkroom.runners.diffusers.checking import checking
from darkroom.runners.diffusers.inputs import Plan
from darkroom.runners.diffusers.making import Making
from darkroom.runners.diffusers.pictures import Encoding, Format
from darkroom.runners.diffusers.safety_setup import Safety

DARK = Image.new("RGB", (64, 64), (9, 9, 9))
LIGHT = Image.new("RGB", (64, 64), (99, 99, 99))
PLAN = Plan(
    order=Order(prompt="", width=64, height=64, steps=1, seed=0),
    encoding=Encoding(Format.PNG),
    listed=False,
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    family = Family.STABLE_DIFFUSION
    return tiny_engine(family, tiny_weights(family, tmp_path_factory.mktemp("tiny")))


def _making(
    engine: Engine,
    ended: asyncio.Future[None],
    context: Recorder | None = None,
    checker: SafetyChecker | None = None,
) -> Making:
    context = context or Recorder({}, {})
    checks = checking(Schema.KONTEXT_DEV, Safety(checker=checker), {}, {}, context.log)
    return Making(engine, PLAN, checks, context, ended, _now, lambda: 0.0)


def _now(work: Callable[[], None]) -> None:
    work()


@pytest.mark.parametrize("error", [StopIteration("row"), SystemExit(3), asyncio.CancelledError()])
async def test_what_would_end_more_than_the_run_ends_the_run_alone(
    engine: Engine, error: BaseException
) -> None:
    ended = asyncio.get_running_loop().create_future()
    await asyncio.to_thread(_making(engine, ended).ended, error)
    with pytest.raises(RunFailed, match=f"gave up: {type(error).__name__}"):
        await ended


async def test_a_run_of_which_nothing_may_be_shown_fails_at_its_end(engine: Engine) -> None:
    ended = asyncio.get_running_loop().create_future()
    await asyncio.to_thread(_making(engine, ended).ended, None)
    with pytest.raises(RunFailed, match="NSFW"):
        await ended


async def test_the_first_end_counts(engine: Engine) -> None:
    ended = asyncio.get_running_loop().create_future()
    making = _making(engine, ended)
    for error in (RunFailed("first"), RunFailed("second")):
        await asyncio.to_thread(making.ended, error)
    with pytest.raises(RunFailed, match="first"):
        await ended


async def test_a_checker_without_room_is_asked_again_and_every_picture_published_once(
    engine: Engine,
) -> None:
    context = Recorder({}, {})
    ended = asyncio.get_running_loop().create_future()
    making = _making(engine, ended, context, hungry(1))
    rows = [Row(PLAN.order, index, total=1) for index in range(2)]
    making.made(rows[1], Picture(LIGHT, flagged=False))
    with pytest.raises(NoRoom) as full:
        making.made(rows[0], Picture(DARK, flagged=False))
    assert full.value.part == "the safety checker"
    assert context.outputs == []
    making.made(rows[0], Picture(DARK, flagged=False))
    await asyncio.to_thread(making.ended, None)
    await ended
    assert [context.image(index).getpixel((0, 0)) for index in range(2)] == [
        (9, 9, 9),
        (99, 99, 99),
    ]
    assert context.metrics == {"image_count": 2}
    assert context.lines == ["Total safe images: 2 out of 2"]


async def test_pictures_that_were_sent_wait_for_room_like_any_other(engine: Engine) -> None:
    context = Recorder({}, {})
    safety = Safety(checker=hungry(1))
    checks = checking(Schema.MULTI_IMAGE_KONTEXT, safety, {}, {"input_image_1": DARK}, context.log)
    ended = asyncio.get_running_loop().create_future()
    making = Making(engine, PLAN, checks, context, ended, _now, lambda: 0.0)
    with pytest.raises(NoRoom):
        making.begun()
    making.begun()
    assert context.lines == []


async def test_what_has_no_effect_is_told_once(engine: Engine) -> None:
    context = Recorder({}, {})
    making = _making(engine, asyncio.get_running_loop().create_future(), context)
    row = Row(PLAN.order, 0, total=2, notes=("The end has no effect.",))
    for row.done in (1, 2):
        making.ticked(row)
    assert [line for line in context.lines if "effect" in line] == ["The end has no effect."]
