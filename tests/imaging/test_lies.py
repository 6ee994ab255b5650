"""A child that lies, dies or keeps silent: the parent believes sizes that fit, and no words."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from tests.imaging.asking import DAMAGED, NO_PICTURE, TOO_GREEDY, refusal
from tests.support.processes import command_line, wait_until_gone

from darkroom.imaging.pool import DecoderPool, Limits

NO_START = "the picture could not be decoded: the decoding process does not start"
CHILD = """#!{python} -IS
import os, signal, socket, struct
channel = socket.socket(fileno=0)
channel.sendall(b"R")
_, (picture, pixels), _, _ = socket.recv_fds(channel, 1, 2)
def reply(*numbers):
    channel.sendall(struct.pack(">BQQ", *numbers))
{rest}
"""
SILENCE = "signal.pause()"
LIES = {
    "claims more than it wrote": ("os.write(pixels, bytes(10)); reply(0, 10, 10)", DAMAGED),
    "wrote more than it claims": ("os.truncate(pixels, 10**9); reply(0, 10, 10)", DAMAGED),
    "claims no size": ("reply(0, 0, 0)", DAMAGED),
    "claims an absurd size": ("reply(0, 2**63, 2**63)", DAMAGED),
    "claims too long a side": ("os.truncate(pixels, 150000); reply(0, 50000, 1)", DAMAGED),
    "claims too many pixels": (
        "os.truncate(pixels, 300_000_000); reply(0, 10_000, 10_000)",
        DAMAGED,
    ),
    "knows another verdict": ("reply(77, 1, 1)", DAMAGED),
    "answers at length": ("channel.sendall(bytes(10**7))", DAMAGED),
    "gives half an answer": ("channel.sendall(bytes(3))", TOO_GREEDY),
    "ends without a word": ("pass", TOO_GREEDY),
    "fails": ("raise SystemExit(1)", DAMAGED),
    "is killed": ("os.kill(os.getpid(), signal.SIGKILL)", TOO_GREEDY),
    "crashes": ("os.kill(os.getpid(), signal.SIGSEGV)", TOO_GREEDY),
    "hangs up and hangs": ("channel.close(); signal.pause()", TOO_GREEDY),
    "never answers": (SILENCE, TOO_GREEDY),
    "answers and stays": ("reply(1, 0, 0); signal.pause()", NO_PICTURE),
    "exaggerates": (
        "reply(4, 2**64 - 1, 2**64 - 1)",
        "the picture has 18446744073709551615 x 18446744073709551615 pixels;"
        " at most 50,000,000 pixels are allowed",
    ),
}
Stand: TypeAlias = Callable[[str], None]


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    """Let a pool start the script it is given instead of the interpreter."""

    def written(text: str) -> None:
        script = tmp_path / "stand-in"
        script.write_text(text)
        script.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(script))

    return written


def left_over(folder: Path) -> list[int]:
    """Children of this process that run something in *folder*."""
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii")
    return [pid for pid in map(int, text.split()) if str(folder) in command_line(pid)]


@pytest.mark.parametrize(("rest", "told"), LIES.values(), ids=LIES.keys())
async def test_a_lying_child_gains_nothing(
    stand_in: Stand, tmp_path: Path, rest: str, told: str
) -> None:
    stand_in(CHILD.format(python=sys.executable, rest=rest))
    limits = Limits(wall_seconds=0.5 if rest == SILENCE else 30)
    async with DecoderPool(limits=limits, processes=1) as pool:
        assert await refusal(pool, b"whatever", tmp_path / "p") == told
    assert left_over(tmp_path) == []


async def test_a_child_that_hangs_when_its_picture_is_canceled_is_killed(
    stand_in: Stand, tmp_path: Path
) -> None:
    rest = f"channel.close(); open({str(tmp_path / 'hung')!r}, 'w').close(); signal.pause()"
    stand_in(CHILD.format(python=sys.executable, rest=rest))
    async with DecoderPool(processes=1) as pool:
        decoding = asyncio.create_task(pool.decode(b"whatever", tmp_path / "p"))
        while not (tmp_path / "hung").exists():  # noqa: ASYNC110  # nothing else tells
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)  # it has been heard, and is given a while to end by itself
        hanging = left_over(tmp_path)
        decoding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await decoding
        assert hanging
    await asyncio.to_thread(wait_until_gone, hanging, 5)


@pytest.mark.parametrize(
    "script", ["#!/bin/sh\nexit 3\n", "#!/bin/sh\nsleep 60\n", "#!/does/not/exist\n"]
)
async def test_a_child_that_is_never_ready_is_given_up(
    stand_in: Stand, tmp_path: Path, script: str
) -> None:
    stand_in(script)
    async with DecoderPool(limits=Limits(start_seconds=0.3), processes=1) as pool:
        assert await refusal(pool, b"whatever", tmp_path / "p") == NO_START
    assert left_over(tmp_path) == []
