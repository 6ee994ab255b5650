"""A parent hears of the end of its child; a child does not outlive its parent."""

import asyncio
import os
import select
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


def test_a_program_that_knows_nothing_of_its_parent_ends_with_it() -> None:
    leashed = [sys.executable, "-m", "darkroom.protocol.lifeline"]
    program = [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"]
    middle = (
        "import os, subprocess, signal, sys\n"
        f"child = subprocess.Popen([*{leashed!r}, str(os.getpid()), *{program!r}])\n"
        "print(child.pid, flush=True)\n"
        "signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", middle], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        told = {parent.stdout.readline().strip() for _ in range(2)}
        (pid,) = (int(line) for line in told if line != b"up")
        ended = os.pidfd_open(pid)
        parent.kill()
        assert select.select([ended], [], [], 30)[0]
        os.close(ended)
