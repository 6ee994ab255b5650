"""The parent's half of decoding: warm, single-use children, and no trust in what they say."""

import asyncio
import os
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from darkroom.domain.errors import InputUnusable
from darkroom.imaging.verdict import GO, LARGEST_SIDE, READY, REPLY, Verdict, sentence
from darkroom.ports.running import PictureDecoder
from darkroom.protocol.messages import Pixels

USUAL_PIXELS = 50_000_000
_CHANNELS = 3
_TRACEBACK_EXIT = 1
_GRACE_SECONDS = 1.0
_NO_START = "the picture could not be decoded: the decoding process does not start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one decoding may take; the defaults suit 50 million pixels."""

    max_pixels: int = USUAL_PIXELS
    memory_bytes: int = 2**30
    cpu_seconds: int = 10
    wall_seconds: float = 15.0
    start_seconds: float = 30.0

    @classmethod
    def for_pixels(cls, max_pixels: int) -> Self:
        """Limits that a picture of so many pixels meets: memory and time grow with it."""
        usual, times = cls(), max(1.0, max_pixels / USUAL_PIXELS)
        return cls(
            max_pixels=max_pixels,
            memory_bytes=int(usual.memory_bytes * times),
            cpu_seconds=ceil(usual.cpu_seconds * times),
            wall_seconds=usual.wall_seconds * times,
        )


@dataclass(frozen=True, slots=True)
class _Child:
    process: asyncio.subprocess.Process
    channel: socket.socket

    def order(self, picture: int, pixels: int) -> None:
        """Hand it its two descriptors; raises OSError if it is dead."""
        socket.send_fds(self.channel, [GO], [picture, pixels])

    async def end(self, *, grace_seconds: float = 0.0) -> int:
        """Kill it, after a while to end by itself; its exit status, negative for a signal."""
        self.channel.close()
        try:
            if grace_seconds:
                with suppress(TimeoutError):
                    async with asyncio.timeout(grace_seconds):
                        await self.process.wait()
        finally:
            if self.process.returncode is None:
                self.process.kill()
        return await self.process.wait()


class DecoderPool(PictureDecoder):
    """Decodes in children that are started ahead, used once and killed; a context manager.

    Args:
        max_pixels: largest picture, width times height.
        processes: children kept warm, and pictures decoded at once.
        limits: all limits at once, instead of *max_pixels*.
    """

    def __init__(
        self, *, max_pixels: int = USUAL_PIXELS, processes: int = 2, limits: Limits | None = None
    ) -> None:
        self._limits = limits or Limits.for_pixels(max_pixels)
        self._processes = processes
        self._warm = asyncio.Queue[asyncio.Task[_Child]]()
        self._open = False

    async def __aenter__(self) -> Self:
        """Begin to start children; the first picture waits for them."""
        self._open = True
        for _ in range(self._processes):
            self._replace()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill the children that wait; those that decode end with their pictures."""
        self._open = False
        while not self._warm.empty():
            starting = self._warm.get_nowait()
            for child in await asyncio.gather(starting, return_exceptions=True):
                if isinstance(child, _Child):
                    await child.end()

    async def decode(self, data: bytes, to: Path) -> Pixels:
        """Decode one picture into *to*; see the port. *to* is gone again after a failure."""
        if not self._open:
            raise InputUnusable(_NO_START)
        try:
            width, height = await self._decode(data, to)
        except BaseException:
            await asyncio.to_thread(to.unlink, missing_ok=True)
            raise
        return Pixels(path=str(to), width=width, height=height)

    async def _decode(self, data: bytes, to: Path) -> tuple[int, int]:
        picture = await asyncio.to_thread(_anonymous_file, data)
        try:
            pixels = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                verdict, width, height = await self._ask(picture, pixels)
                written = os.fstat(pixels).st_size
            finally:
                os.close(pixels)
        finally:
            os.close(picture)
        if verdict is not Verdict.DECODED:
            raise InputUnusable(sentence(verdict, width, height, self._limits.max_pixels))
        if not self._plausible(width, height) or width * height * _CHANNELS != written:
            raise InputUnusable(sentence(Verdict.DAMAGED, 0, 0, 0))
        return width, height

    def _plausible(self, width: int, height: int) -> bool:
        sides = 0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE
        return sides and width * height <= self._limits.max_pixels

    async def _ask(self, picture: int, pixels: int) -> tuple[Verdict, int, int]:
        starting = await self._warm.get()
        try:
            child = await self._ordered(starting, picture, pixels)
            return await self._answer(child)
        except (OSError, EOFError) as error:
            structlog.get_logger().warning("decoder.unstarted", reason=repr(error))
            raise InputUnusable(_NO_START) from error
        finally:
            self._replace()

    async def _ordered(self, starting: asyncio.Task[_Child], picture: int, pixels: int) -> _Child:
        try:
            child = await starting
        except (OSError, EOFError):
            child = await self._start()
        try:
            child.order(picture, pixels)
        except OSError:  # it died while it waited, which is not the picture's fault
            await child.end()
            child = await self._start()
            child.order(picture, pixels)
        return child

    async def _answer(self, child: _Child) -> tuple[Verdict, int, int]:
        reply, grace = b"", 0.0
        try:
            async with asyncio.timeout(self._limits.wall_seconds):
                reply = await _received(child.channel, REPLY.size)
        except (EOFError, ConnectionError):
            grace = _GRACE_SECONDS  # it is ending, and its own exit status says why
        except TimeoutError:
            pass
        finally:
            status = await child.end(grace_seconds=grace)
        if not reply:
            greedy = status != _TRACEBACK_EXIT
            return (Verdict.TOO_GREEDY if greedy else Verdict.DAMAGED), 0, 0
        number, width, height = REPLY.unpack(reply)
        known = number in Verdict.__members__.values()
        return (Verdict(number) if known else Verdict.DAMAGED), width, height

    def _replace(self) -> None:
        if self._open:
            self._warm.put_nowait(asyncio.create_task(self._start()))

    async def _start(self) -> _Child:
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        try:
            with theirs:
                child = _Child(await self._spawned(theirs), ours)
        except BaseException:
            ours.close()
            raise
        try:
            async with asyncio.timeout(self._limits.start_seconds):
                await _received(ours, len(READY))
        except BaseException:
            await child.end()
            raise
        return child

    async def _spawned(self, channel: socket.socket) -> asyncio.subprocess.Process:
        limits = self._limits
        words = (limits.max_pixels, limits.memory_bytes, limits.cpu_seconds, os.getpid())
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-m",
            "darkroom.imaging.decoder",
            *map(str, words),
            stdin=channel.fileno(),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
        )


async def _received(channel: socket.socket, size: int) -> bytes:
    loop = asyncio.get_running_loop()
    held = b""
    while len(held) < size:
        more = await loop.sock_recv(channel, size - len(held))
        if not more:
            raise EOFError
        held += more
    return held


def _anonymous_file(data: bytes) -> int:
    """A descriptor of a nameless file in memory that holds *data*."""
    descriptor = os.memfd_create("picture")
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(data)
    return descriptor
