"""Previews on a real terminal, from a server whose worker is moved by hand."""

import asyncio
import fcntl
import json
import os
import pty
import signal
import struct
import termios
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.cli.conftest import COMMAND, environment
from tests.support import rig as rigs
from tests.support.hands import failed
from tests.support.rig import KEY, Rig
from tests.support.web import serving

from darkroom.http.workers import heed
from darkroom.protocol.messages import Job, Preview, Said, Watch

RUN = ("run", "darkroom/echo", "-i", "image=data:image/png;base64,AAAA")
COLOURS = {"COLORTERM": "truecolor", "TERM": "xterm-256color"}
RED = bytes([255, 0, 0]) * 64


@dataclass
class Terminal:
    """A command whose stderr is a terminal of 80 columns and 24 lines."""

    master: int
    folder: Path
    text: str = ""
    out: str = ""
    code: int | None = None
    process: asyncio.subprocess.Process | None = None
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def read(self) -> None:
        try:
            self.text += os.read(self.master, 65_536).decode("utf-8", "replace")
        except OSError:  # the other side is closed
            asyncio.get_running_loop().remove_reader(self.master)
        self.came.set()

    async def until(self, words: str) -> None:
        while words not in self.text:
            self.came.clear()
            await self.came.wait()

    async def run(self, words: Sequence[str], variables: Mapping[str, str], slave: int) -> None:
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # or it may be ignored
        self.process = process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *words,
            env=variables,
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=slave,
        )
        signal.signal(signal.SIGINT, before)
        os.close(slave)
        out, _ = await process.communicate()
        self.out, self.code = out.decode(), process.returncode


@asynccontextmanager
async def typed(
    rig: Rig, folder: Path, *words: str, **variables: str
) -> AsyncGenerator[tuple[Terminal, "asyncio.Task[None]"]]:
    """`darkroom` with these words, beside a server for it; ended by a test that lets it end."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    terminal = Terminal(master, folder)
    loop = asyncio.get_running_loop()
    loop.add_reader(master, terminal.read)
    async with serving(rig.app) as (url, _):
        own = {**environment(folder), "DARKROOM_URL": url, "DARKROOM_TOKEN": KEY}
        own.pop("COLORTERM", None)
        running = asyncio.create_task(terminal.run(words, {**own, **variables}, slave))
        try:
            yield terminal, running
        finally:
            running.cancel()
            loop.remove_reader(master)
            os.close(master)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncGenerator[Rig]:
    async with rigs.rig(tmp_path) as made:
        made.worker.join()
        yield made


def watches(rig: Rig) -> list[bool]:
    return [one.wanted for one in rig.worker.sent if isinstance(one, Watch)]


async def watched(rig: Rig) -> None:
    while not watches(rig):
        rig.worker.came.clear()
        await rig.worker.came.wait()


def show(rig: Rig, job: Job, data: bytes = RED) -> None:
    heed(rig.dispatcher, rig.worker.seat, Preview(job.id, 1, 8, 8, data))


@pytest.mark.parametrize("watching", [False, True], ids=["run", "predictions watch"])
async def test_previews_are_drawn_above_the_progress_and_gone_at_the_end(
    rig: Rig,
    tmp_path: Path,
    watching: bool,  # noqa: FBT001
) -> None:
    words = ("predictions", "watch", str((await rig.create())["id"])) if watching else RUN
    async with typed(rig, tmp_path, *words, **COLOURS) as (terminal, running):
        job = await rig.worker.job()
        await watched(rig)
        show(rig, job)
        await terminal.until("\x1b[38;2;255;0;0m\x1b[48;2;255;0;0m▀")
        rig.worker.tell(job, Said(" 50%|#####     | 1/2 [00:00<00:00, 1.0it/s]\n"))
        await terminal.until("50% 1/2")
        await rig.worker.succeed(job)
        await running

    assert (terminal.code, "out-0.png" in terminal.out) == (0, True), terminal.text
    assert "\x1b[4A\x1b[J" in terminal.text
    assert terminal.text.rpartition("\x1b[J")[2].strip().endswith("50% 1/2")


@pytest.mark.parametrize(
    ("word", "variables"), [("--no-preview", COLOURS), ("--json", COLOURS), ("-o.", {})]
)
async def test_nobody_looks_who_does_not_want_to_or_cannot_see(
    rig: Rig, tmp_path: Path, word: str, variables: Mapping[str, str]
) -> None:
    async with typed(rig, tmp_path, *RUN, word, **variables) as (terminal, running):
        job = await rig.worker.job()
        rig.worker.tell(job, Said("working\n"))
        await terminal.until("working")
        await rig.worker.succeed(job)
        await running

    assert terminal.code == 0
    assert watches(rig) == []
    assert "\x1b" not in terminal.text


async def test_a_prediction_that_fails_ends_its_watching_with_5(rig: Rig, tmp_path: Path) -> None:
    made = await rig.create()
    async with typed(rig, tmp_path, "predictions", "watch", str(made["id"]), "--json") as (
        terminal,
        running,
    ):
        rig.worker.tell(await rig.worker.job(), ended=failed("out of luck"))
        await running

    assert terminal.code == 5
    assert json.loads(terminal.out)["error"] == "out of luck"


async def test_control_c_takes_the_picture_away_and_cancels(rig: Rig, tmp_path: Path) -> None:
    async with typed(rig, tmp_path, *RUN, **COLOURS) as (terminal, running):
        job = await rig.worker.job()
        await watched(rig)
        show(rig, job)
        await terminal.until("▀")
        assert terminal.process is not None
        terminal.process.send_signal(signal.SIGINT)
        await running

    assert terminal.code == 130
    assert f"prediction {job.id} is canceled" in terminal.text.rpartition("\x1b[J")[2]
    assert watches(rig) == [True, False]
