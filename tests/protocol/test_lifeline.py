"""A parent hears of the end of its child; a child does not outlive its parent."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from darkroom.protocol.lifeline import Child, exit_words


async def run(code: str) -> int:
    status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    child = Child([sys.executable, "-c", code], dict(os.environ), exited=status.set_result)
    assert child.running
    result = await status
    assert not child.running
    child.signal(signal.SIGKILL)  # of nobody any more
    return result


async def test_an_end_is_told_with_its_status() -> None:
    assert await run("raise SystemExit(3)") == 3
    assert await run("import os; os.kill(os.getpid(), 9)") == -9


async def test_a_child_inherits_the_descriptors_it_is_given() -> None:
    reader, writer = os.pipe()
    status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    code = f"import os; os.write({writer}, b'hello')"
    Child([sys.executable, "-c", code], {}, exited=status.set_result, keep=[writer])
    assert await status == 0
    os.close(writer)
    assert os.read(reader, 100) == b"hello"
    os.close(reader)


def test_a_parent_that_is_gone_already_is_noticed() -> None:
    code = "from darkroom.protocol.lifeline import die_with_parent; die_with_parent(1 << 22)"
    told = subprocess.run(  # our own code
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert f"ParentGone: process {1 << 22} has ended" in told.stderr


@pytest.mark.parametrize(
    ("status", "words"),
    [(0, "exit code 0"), (3, "exit code 3"), (-11, "signal 11, SIGSEGV"), (-99, "signal 99")],
)
def test_an_exit_is_put_into_words(status: int, words: str) -> None:
    assert exit_words(status) == words
