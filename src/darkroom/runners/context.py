"""What a runner sees of its run, and how that reaches the worker; safe from any thread."""

import asyncio
import math
import threading
from collections.abc import Callable, Mapping
from typing import SupportsFloat, SupportsIndex

import msgspec

from darkroom.domain.errors import RunCanceled, RunFailed
from darkroom.domain.model import JsonScalar
from darkroom.protocol.messages import (
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_PREVIEW_SIDE,
    Bytes,
    FromHost,
    Logged,
    Output,
    Pixels,
    Preview,
    Run,
)

_json = msgspec.json.Encoder()
_PREVIEW_SECONDS = 0.4  # lookers see two a second: each time there is a newer one
_EXACT = 2**53  # whole numbers up to here are the same in every JSON reader


class Context:
    """Satisfies `ports.RunContext` inside the host.

    Args:
        run: what the worker asked for.
        send: hands a message to the worker, with the number of file bytes in it; called in the
            loop's thread only.
    """

    def __init__(self, run: Run, send: Callable[[FromHost, int], None]) -> None:
        self._run = run
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._canceled = False
        self._watched = False
        self._preview_at = 0.0
        self._pause: asyncio.Future[None] | None = None
        self._files = 0
        self._index = 0
        self._metrics: dict[str, float] = {}

    @property
    def values(self) -> Mapping[str, JsonScalar]:
        """Inputs that are not files."""
        return self._run.values

    @property
    def files(self) -> Mapping[str, Bytes | Pixels]:
        """Inputs that are files."""
        return self._run.files

    @property
    def canceled(self) -> bool:
        """Whether the run has been told to stop."""
        return self._canceled

    @property
    def watched(self) -> bool:
        """Whether somebody looks on."""
        return self._watched

    @property
    def metrics(self) -> str:
        """The numbers set so far, as a JSON object."""
        return _json.encode(self._metrics).decode() if self._metrics else "{}"

    def log(self, text: str) -> None:
        """Send a line."""
        line = whole(text if text.endswith("\n") else text + "\n")
        self._in_loop(lambda: self._send(Logged(self._run.id, self._run.attempt, line), 0))

    def output_file(self, name: str, content_type: str, data: bytes) -> None:
        """Send a file.

        Raises:
            RunFailed: it is too large, or one too many, or its name or type is no text.
        """
        if not (_is_text(name) and _is_text(content_type)):
            raise RunFailed("the model gave a file whose name or type is no text")
        self._files += 1
        if self._files > MAX_FILES:
            raise RunFailed(f"the model gave more than {MAX_FILES} files, which is the limit")
        if len(data) > MAX_FILE_BYTES:
            limit = MAX_FILE_BYTES // 2**20
            raise RunFailed(f"the model gave a file larger than {limit} MiB, which is the limit")
        self._in_loop(lambda: self._publish(name, content_type, data, None))

    def output_text(self, text: str) -> None:
        """Send a string."""
        value = _json.encode(text).decode()
        self._in_loop(lambda: self._publish("", "", b"", value))

    def metric(self, name: str, value: float) -> None:
        """Keep a number for the end; what is not finite is dropped, and a truth is 1 or 0.

        Raises:
            RunFailed: *value* is no number, or the name is no text.
        """
        number = _number(value)
        if number is None or not _is_text(name):
            kind = type(value).__name__
            raise RunFailed(f"the model set the metric {name!r} to a {kind}; it must be a number")
        if math.isfinite(number):
            self._metrics[name] = number

    async def pause(self, seconds: float) -> None:
        """Sleep until *seconds* are over or the run is told to stop.

        Raises:
            RunCanceled: it was.
        """
        if not self._canceled:
            self._pause = self._loop.create_future()
            timer = self._loop.call_later(seconds, self._wake)
            try:
                await self._pause
            finally:
                timer.cancel()
                self._pause = None
        if self._canceled:
            raise RunCanceled("told to stop")

    def preview(self, width: int, height: int, rgb: bytes) -> None:
        """Send a small picture to whoever looks on, unless it comes too soon after the last.

        Raises:
            RunFailed: it is too large, or the bytes do not fill it.
        """
        if not (0 < width <= MAX_PREVIEW_SIDE and 0 < height <= MAX_PREVIEW_SIDE):
            raise RunFailed(f"the model gave a preview of {width} x {height} pixels")
        if len(rgb) != 3 * width * height:
            raise RunFailed("the model gave a preview whose bytes do not fill it")
        now = self._loop.time()
        if now < self._preview_at:
            return
        self._preview_at = now + _PREVIEW_SECONDS
        run = self._run
        self._in_loop(
            lambda: self._send(Preview(run.id, run.attempt, width, height, rgb), len(rgb))
        )

    def watch(self, wanted: bool) -> None:  # noqa: FBT001  # a fact, not a switch
        """Note whether somebody looks on; called in the loop."""
        self._watched = wanted

    def cancel(self) -> None:
        """Tell the run to stop; called in the loop."""
        self._canceled = True
        self._wake()

    def _wake(self) -> None:
        if self._pause is not None and not self._pause.done():
            self._pause.set_result(None)

    def _publish(self, name: str, content_type: str, data: bytes, value: str | None) -> None:
        run, index = self._run, self._index
        self._index += 1
        self._send(Output(run.id, run.attempt, index, name, content_type, data, value), len(data))

    def _in_loop(self, act: Callable[[], None]) -> None:
        if threading.get_ident() == self._thread:
            act()
        else:
            self._loop.call_soon_threadsafe(act)


def whole(text: str) -> str:
    """*text* with halves of characters, which no message can carry, as question marks."""
    return text if _is_text(text) else text.encode(errors="replace").decode()


def _number(value: object) -> float | None:
    """A plain number for whatever counts as one, such as numpy's and torch's; None if none does."""
    if isinstance(value, SupportsIndex):
        try:
            whole = int(value.__index__())
        except TypeError:  # torch has the method on every tensor
            pass
        else:
            return whole if abs(whole) <= _EXACT else _float(whole)
    return _float(value) if isinstance(value, SupportsFloat) else None


def _float(value: SupportsFloat) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _is_text(value: object) -> bool:
    """Whether it can be encoded: a string without halves of characters."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
