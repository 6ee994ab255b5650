"""The worker's half of its connection to the server: hello, beats, and an orderly end."""

import asyncio

from darkroom.domain.errors import PeerMisbehaved
from darkroom.protocol.link import Link
from darkroom.protocol.messages import (
    OLDEST_PROTOCOL,
    PROTOCOL,
    Answer,
    Beat,
    Drain,
    Draining,
    Granted,
    Hello,
    Job,
    Know,
    Noted,
    Stop,
    ToWorker,
    Welcome,
)
from darkroom.worker.dispatch import Dispatch
from darkroom.worker.options import Options, Tools

SETTLE_SECONDS = 5.0  # for files of runs that were over when the time to drain was


class Worker:
    """One worker, from hello to end; made inside its event loop."""

    def __init__(self, options: Options, tools: Tools) -> None:
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._link: Link[ToWorker] = Link(ToWorker, received=self._received, closed=self._closed)
        self._dispatch = Dispatch(options, tools, send=self._link.send, idle=self._idle)
        self._timers: list[asyncio.TimerHandle] = []
        self._beat_timer: asyncio.TimerHandle | None = None
        self._release_at: float | None = None
        self._drained = False
        self._gone = asyncio.Event()

    @property
    def fault(self) -> str | None:
        """What the server did wrong, if that ended the connection."""
        return self._link.fault

    async def run(self) -> bool:
        """Serve until drained or until the connection is gone; returns whether it was drained.

        Raises:
            OSError: nobody listens on the socket.
        """
        options = self._options
        await self._loop.create_unix_connection(lambda: self._link, str(options.socket))
        slots = dict(options.slots)
        self._link.send(
            Hello(PROTOCOL, options.name, options.incarnation, "", slots, OLDEST_PROTOCOL)
        )
        try:
            await self._gone.wait()
        finally:
            for timer in [*self._timers, *([self._beat_timer] if self._beat_timer else [])]:
                timer.cancel()
            await self._dispatch.close(kindly=self._drained)
        return self._drained

    def drain(self, seconds: float | None = None) -> None:
        """Take no more, let runs finish for so long (default: the option), then end.

        A second call can only bring the end nearer.
        """
        if not self._link.open:
            self._gone.set()
            return
        if self._release_at is None:
            self._link.send(Draining())
        seconds = self._options.drain if seconds is None else seconds
        at = self._loop.time() + seconds
        if self._release_at is None or at < self._release_at:
            self._release_at = at
            self._timers.append(self._loop.call_at(at, self._dispatch.release))
            self._timers.append(self._loop.call_at(at + SETTLE_SECONDS, self._link.close))
        self._dispatch.drain()

    def _received(self, message: ToWorker) -> None:
        match message:
            case Job():
                self._dispatch.job(message)
            case Know(version):
                self._dispatch.know(version)
            case Stop(prediction, attempt):
                self._dispatch.stop((prediction, attempt))
            case Granted():
                self._dispatch.granted(message)
            case Welcome(protocol, beat_seconds):
                self._welcome(protocol, beat_seconds)
            case Drain(seconds):
                self.drain(seconds)
            case Answer() | Noted():
                raise PeerMisbehaved("an answer, although nothing was asked")

    def _welcome(self, protocol: int, beat_seconds: float) -> None:
        if not OLDEST_PROTOCOL <= protocol <= PROTOCOL:
            raise PeerMisbehaved(
                f"it wants protocol {protocol}, this worker speaks {OLDEST_PROTOCOL} to {PROTOCOL}"
            )
        self._beat(beat_seconds)

    def _beat(self, seconds: float) -> None:
        dispatch = self._dispatch
        self._link.send(Beat(dispatch.held, dispatch.resident, dispatch.load_seconds))
        self._beat_timer = self._loop.call_later(seconds, self._beat, seconds)

    def _idle(self) -> None:
        if self._release_at is not None:
            self._drained = True
            self._loop.call_soon(self._link.close)

    def _closed(self) -> None:
        self._gone.set()
