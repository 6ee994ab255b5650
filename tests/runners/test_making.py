"""How a run learns that it is over, whatever the model's code raises."""

import asyncio
from collections.abc import Callable

import pytest
from tests.engine.making import tiny_engine
from tests.runners.test_diffusers import Recorder

from darkroom.domain.errors import RunFailed
from darkroom.domain.families import Family, Schema
from darkroom.engine.interface import Engine, Order
from darkroom.engine.tiny import tiny_weights
from darkroom.runners.diffusers.checking import checking
from darkroom.runners.diffusers.inputs import Plan
from darkroom.runners.diffusers.making import Making
from darkroom.runners.diffusers.pictures import Encoding, Format
from darkroom.runners.diffusers.safety_setup import Safety

PLAN = Plan(
    order=Order(prompt="", width=64, height=64, steps=1, seed=0),
    encoding=Encoding(Format.PNG),
    listed=False,
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    family = Family.STABLE_DIFFUSION
    return tiny_engine(family, tiny_weights(family, tmp_path_factory.mktemp("tiny")))


def _making(engine: Engine, ended: asyncio.Future[None]) -> Making:
    context = Recorder({}, {})
    checks = checking(Schema.KONTEXT_DEV, Safety(), {}, context.log)
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
