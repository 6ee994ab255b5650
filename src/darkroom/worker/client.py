"""A worker's life: its line to the server, beats, and an orderly end.

A local worker ends with its line. A remote one goes on with what it runs, looks for its server, or
another one at the same address, and tells then what could not be told meanwhile.
"""

import asyncio
import random

import structlog

from darkroom.domain.errors import PeerMisbehaved
from darkroom.protocol.messages import (
    OLDEST_PROTOCOL,
    PROTOCOL,
    REMOTE_PROTOCOL,
    Answer,
    Beat,
    Drain,
    Draining,
    Granted,
    Hello,
    Job,
    Keep,
    Key,
    Know,
    Noted,
    Preview,
    Said,
    Stop,
    Told,
    ToWorker,
    Watch,
    Welcome,
)
from darkroom.worker.backoff import Backoff
from darkroom.worker.dispatch import Dispatch
from darkroom.worker.file_ways import FileWays
from darkroom.worker.ledger import Ledger
from darkroom.worker.lines import Line
from darkroom.worker.options import Options, Tools

SETTLE_SECONDS = 5.0  # for files of runs that were over when the time to drain was
_log = structlog.get_logger()


class Worker:
    """One worker, from its first hello to its end; made inside its event loop."""

    def __init__(self, options: Options, tools: Tools) -> None:
        self._options = options
        self._remote = options.connector.remote
        self._loop = asyncio.get_running_loop()
        self._line: Line | None = None
        self._line_gone = asyncio.Event()
        self._ways = FileWays(options, tools, self._send)
        self._dispatch = Dispatch(
            options, tools, self._ways, send=self._tell, show=self._show, idle=self._idle
        )
        self._dispatch.loading.versions.listener = self._beat_early
        self._ledger = Ledger(self._send_told, self._idle)
        self._backoff = Backoff(random.random)
        self._trouble: str | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._beat_timer: asyncio.TimerHandle | None = None
        self._release_at: float | None = None
        self._drained = False
        self._ending = False
        self._over = asyncio.Event()
        self.fault: str | None = None
        """What ended the last line, if its server had a word to say."""

    async def run(self) -> bool:
        """Serve until drained, a local worker until its line is gone; returns whether drained.

        Raises:
            OSError: nobody answers a local worker.
            WorkerRefused: the server does not take this worker.
        """
        staying = asyncio.create_task(self._stay() if self._remote else self._connect())
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait({staying, over}, return_when=asyncio.FIRST_COMPLETED)
            if staying.done():
                await staying
            await over
        finally:
            staying.cancel()
            over.cancel()
            await asyncio.gather(staying, over, return_exceptions=True)
            for timer in [*self._timers, *([self._beat_timer] if self._beat_timer else [])]:
                timer.cancel()
            await self._dispatch.close(kindly=self._drained)
        return self._drained

    def drain(self, seconds: float | None = None) -> None:
        """Take no more, let runs finish for so long (default: the option), then end.

        A second call can only bring the end nearer.
        """
        if not self._remote and (self._line is None or not self._line.open):
            self._over.set()
            return
        if self._release_at is None:
            self._send(Draining())
        seconds = self._options.drain if seconds is None else seconds
        at = self._loop.time() + seconds
        if self._release_at is None or at < self._release_at:
            self._release_at = at
            self._timers.append(self._loop.call_at(at, self._dispatch.release))
            self._timers.append(self._loop.call_at(at + SETTLE_SECONDS, self._end))
        self._dispatch.drain()

    # ── the line ──

    async def _stay(self) -> None:
        """Have a line, for ever."""
        while True:
            try:
                await self._connect()
            except OSError as error:
                self._tell_trouble(error.strerror or str(error))
            else:
                await self._line_gone.wait()
                self._tell_trouble(self.fault or "the connection was closed")
            await asyncio.sleep(self._backoff.seconds())

    async def _connect(self) -> None:
        self._line_gone.clear()
        options = self._options
        self._line = await options.connector.connect(self._received, self._closed)
        self._line.send(
            Hello(
                PROTOCOL,
                options.name,
                options.incarnation,
                "",
                dict(options.slots),
                OLDEST_PROTOCOL,
                self._held,
            )
        )

    def _closed(self) -> None:
        line, self._line = self._line, None
        self.fault = line.fault if line else None
        if self._beat_timer is not None:
            self._beat_timer.cancel()
            self._beat_timer = None
        self._line_gone.set()
        if self._ending or not self._remote:
            self._over.set()
            return
        self._ledger.pause()
        self._ways.disconnected()
        for key in self._dispatch.held:  # the next server says anew who looks, if it knows how
            self._dispatch.watch(key, wanted=False)

    def _tell_trouble(self, why: str) -> None:
        """Say what is wrong, once; the end that this worker itself has chosen is nothing wrong."""
        if why != self._trouble and not self._ending:
            self._trouble = why
            held = len(self._held)
            _log.warning("server.away", worker=self._options.name, why=why, held=held)

    # ── out ──

    @property
    def _held(self) -> list[Key]:
        """What this worker runs, and what it has told in vain so far."""
        return list(dict.fromkeys([*self._dispatch.held, *self._ledger.unnoted]))

    def _tell(self, told: Told) -> None:
        if self._remote:
            self._ledger.tell(told)
        else:
            self._send(told)

    def _send(self, message: object) -> None:
        if self._line is not None:
            self._line.send(message)

    def _show(self, preview: Preview) -> None:
        """Send it, unless it would keep a beat or a report waiting on a slow line."""
        if self._line is not None and not self._line.congested:
            self._line.send(preview, bulk_bytes=len(preview.data))

    def _send_told(self, told: Told) -> None:
        # After a while away there is much to tell, and a frame has a limit.
        if self._line is not None:
            self._line.send(told, bulk_bytes=_size(told))

    def _beat(self, seconds: float) -> None:
        self._send_beat()
        self._beat_timer = self._loop.call_later(seconds, self._beat, seconds)

    def _beat_early(self) -> None:
        """Tell now what is loaded, so that nothing is sent for the sake of what is no more."""
        if self._beat_timer is not None:  # a server that has not welcomed it wants no beat
            self._send_beat()

    def _send_beat(self) -> None:
        versions = self._dispatch.loading.versions
        loads, troubles = versions.load_seconds, versions.troubles
        self._send(Beat(self._held, versions.ready, loads, troubles, versions.closed))

    # ── in ──

    def _received(self, message: ToWorker) -> None:
        match message:
            case Job():
                self._dispatch.job(message)
            case Know(version):
                self._dispatch.loading.know(version)
            case Stop(prediction, attempt):
                self._dispatch.stop((prediction, attempt))
            case Watch() | Keep():
                self._noticed(message)
            case Granted():
                self._ways.granted(message)
            case Drain(seconds):
                self.drain(seconds)
            case Welcome() | Noted() | Answer():
                self._answered(message)

    def _noticed(self, message: Watch | Keep) -> None:
        if isinstance(message, Keep):
            self._dispatch.loading.keep(message)
        else:
            self._dispatch.watch((message.id, message.attempt), wanted=message.wanted)

    def _answered(self, message: Welcome | Noted | Answer) -> None:
        if isinstance(message, Welcome):
            self._welcome(message)
        elif isinstance(message, Noted) and self._remote:
            self._ledger.noted(message)
        else:
            raise PeerMisbehaved("an answer, although nothing was asked")

    def _welcome(self, welcome: Welcome) -> None:
        oldest = REMOTE_PROTOCOL if self._remote else OLDEST_PROTOCOL
        if not oldest <= welcome.protocol <= PROTOCOL:
            raise PeerMisbehaved(
                f"it wants protocol {welcome.protocol}, this worker speaks {oldest} to {PROTOCOL}"
            )
        if self._remote:
            self._resume(welcome)
        self._beat(welcome.beat_seconds)

    def _resume(self, welcome: Welcome) -> None:
        """Go on with what is still this worker's own, and stop the rest."""
        kept = set(welcome.kept)
        dropped = [key for key in self._dispatch.held if key not in kept]
        _log.info(
            "worker.connected", worker=self._options.name, kept=len(kept), dropped=len(dropped)
        )
        self._trouble = None
        self._backoff.limit(welcome.beat_seconds)
        if self._release_at is not None:
            self._send(Draining())
        self._dispatch.loading.unpin()  # what is pinned now is told right after the welcome
        self._ledger.drop(dropped)
        for key in dropped:
            self._dispatch.stop(key)
        self._ledger.resume(kept)
        self._ways.connected()

    # ── ending ──

    def _idle(self) -> None:
        """Nothing runs, or nothing is left to be noted: the end, if both and it is wanted."""
        if self._release_at is not None and not self._held:
            self._drained = True
            self._loop.call_soon(self._end)

    def _end(self) -> None:
        self._ending = True
        if self._line is not None:
            self._line.close()
        else:
            self._over.set()


def _size(told: Told) -> int:
    """About how many bytes it takes."""
    return sum(
        len(event.text) if isinstance(event, Said) else len(event.value or "")
        for event in told.events
    )
