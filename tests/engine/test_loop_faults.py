"""Whatever fails, every order comes to its end and the loop goes on."""

import threading
import weakref
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.engine.counting import ORDER, PATIENCE_SECONDS, Counting, Heard, Refusing, stepping

from darkroom.domain.errors import RunCanceled
from darkroom.engine.interface import Row
from darkroom.engine.loop import Loop
from darkroom.engine.meters import NoMeter


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop(NoMeter())
    yield made
    made.close()


@pytest.fixture
def engine() -> Counting:
    return Counting()


def test_what_is_wrong_with_one_row_ends_its_order_alone(loop: Loop, engine: Counting) -> None:
    heard = stepping(loop, engine, [ORDER, replace(ORDER, seed=1, prompt="faulty")])
    assert heard[0].wait().error is None
    assert str(heard[1].wait().error) == "no such sampler"


def test_what_breaks_the_denoiser_ends_whoever_was_in_the_batch_and_not_the_loop(
    loop: Loop, engine: Counting
) -> None:
    engine.broken = RuntimeError("device lost")
    heard, after = Heard(), Heard()
    loop.submit(engine, ORDER, heard)
    assert str(heard.wait().error) == "device lost"
    engine.broken = None
    loop.submit(engine, ORDER, after)
    assert after.wait().error is None


def test_a_listener_that_raises_ends_its_own_order(loop: Loop, engine: Counting) -> None:
    def raises(row: Row) -> None:
        raise LookupError(row.index)

    heard, other = Heard(at_step=raises), Heard()
    loop.submit(engine, ORDER, heard)
    loop.submit(engine, ORDER, other)
    assert isinstance(heard.wait().error, LookupError)
    assert other.wait().error is None


@pytest.mark.parametrize("how", ["encode", "step", "decode"])
def test_a_listener_that_fails_at_the_end_harms_nobody_else(
    loop: Loop, engine: Counting, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def raises() -> None:
        raise LookupError("nobody listens")

    failing, after = Heard(at_end=raises), Heard()
    faulty = Counting()
    if how == "step":
        faulty.broken = RuntimeError("device lost")
    loop.submit(Refusing(threading.Event()) if how == "encode" else faulty, ORDER, failing)
    failing.wait()
    loop.submit(engine, ORDER, after)
    assert after.wait().error is None
    assert "nobody listens" in capsys.readouterr().err


class Broken(NoMeter):
    """A meter that can be read no longer, for a while."""

    def __init__(self, where: str) -> None:
        self.where = where

    def free(self) -> int | None:
        return self._fail("free", super().free())

    def peak(self) -> int:
        return self._fail("peak", super().peak()) or 0

    def _fail(self, where: str, value: int | None) -> int | None:
        if self.where == where:
            raise OSError("no such meter")
        return value


@pytest.mark.parametrize("where", ["free", "peak"])
def test_what_the_loop_did_not_expect_ends_the_orders_and_not_the_loop(
    engine: Counting, where: str
) -> None:
    meter = Broken(where)
    loop = Loop(meter)
    heard, after = Heard(), Heard()
    loop.submit(engine, ORDER, heard)
    assert isinstance(heard.wait().error, OSError)
    meter.where = ""
    loop.submit(engine, ORDER, after)
    assert after.wait().error is None
    loop.close()


@pytest.mark.parametrize("ending", ["made", "canceled", "failed"])
def test_an_idle_loop_holds_no_engine(loop: Loop, ending: str) -> None:
    engine, gone = Counting(), threading.Event()
    weakref.finalize(engine, gone.set)
    heard = Heard()
    if ending == "failed":
        engine.broken = RuntimeError("device lost")
    ticket = loop.submit(engine, ORDER, heard)
    if ending == "canceled":
        loop.cancel(ticket)
    heard.wait().error = engine.broken = None  # an error knows where it was raised
    del engine, ticket
    assert gone.wait(PATIENCE_SECONDS)


def test_an_order_that_comes_after_the_end_is_canceled(engine: Counting) -> None:
    loop, heard = Loop(NoMeter()), Heard()
    loop.close()
    loop.submit(engine, ORDER, heard)
    assert isinstance(heard.wait().error, RunCanceled)


def test_closing_cancels_what_is_under_way(engine: Counting) -> None:
    loop = Loop(NoMeter())
    engine.gate.clear()
    heard = Heard()
    loop.submit(engine, ORDER, heard)
    assert engine.stepping.wait(PATIENCE_SECONDS)
    closing = threading.Thread(target=loop.close)
    closing.start()
    engine.gate.set()
    closing.join(PATIENCE_SECONDS)
    assert not closing.is_alive()
    assert isinstance(heard.wait().error, RunCanceled)
