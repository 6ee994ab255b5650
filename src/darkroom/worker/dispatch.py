"""Drives every attempt this worker holds: inputs, loading, running, outputs, its one end.

Everything happens in one event loop, in callbacks; a task is made only for what must wait.
"""

import asyncio
import shutil
from collections.abc import Callable

from darkroom.domain.errors import FilesUnavailable, InputUnusable, PeerMisbehaved
from darkroom.domain.prediction import Outcome
from darkroom.protocol.messages import (
    MAX_FILE_BYTES,
    MAX_FILES,
    Cancel,
    Ended,
    Entered,
    FileFact,
    FromHost,
    Gave,
    Job,
    Key,
    Loaded,
    Logged,
    NotLoaded,
    Output,
    Over,
    Preview,
    Run,
    Told,
    Watch,
)
from darkroom.worker.attempt import Attempt, canceled, crashed, failed, released
from darkroom.worker.file_ways import FileWays
from darkroom.worker.inputs import Inputs
from darkroom.worker.loading import Loading
from darkroom.worker.options import Options, Tools
from darkroom.worker.process import CLOSED, Hosts
from darkroom.worker.reporter import Reporter
from darkroom.worker.telling import Place

_OUTCOMES = frozenset({Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELED})
_SHARED = "Another run in the same process would not stop, so the process was ended."


class Dispatch:
    """The attempts of one worker.

    Args:
        options: the worker's limits.
        tools: what it works with.
        ways: where its outputs go.
        send: hands a message to the server.
        show: hands it a preview, which may get lost.
        idle: called whenever the last attempt has ended.

    Attributes:
        loading: the versions, and who waits for them.
    """

    def __init__(
        self,
        options: Options,
        tools: Tools,
        ways: FileWays,
        *,
        send: Callable[[Told], None],
        show: Callable[[Preview], None],
        idle: Callable[[], None],
    ) -> None:
        self._options = options
        self._show = show
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._attempts: dict[Key, Attempt] = {}
        self._running: dict[Key, Attempt] = {}  # in a host; the longest there first
        self._limit_timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._reporter = Reporter(send, self._told)
        self._ways = ways
        self._inputs = Inputs(
            blobs=tools.blobs,
            signed=ways.remote,
            fetcher=tools.fetcher,
            decoder=tools.decoder,
            limit_bytes=options.fetch_limit_bytes,
        )
        self._hosts = Hosts(
            options.host_command,
            options.host_environment,
            silence=options.host_silence,
            received=self._received,
            gone=self._gone,
        )
        self.loading = Loading(
            options,
            tools.weights,
            attempts=self._attempts,
            hosts=self._hosts,
            reporter=self._reporter,
            advance=self._advance,
            end=self._end,
        )

    def job(self, job: Job) -> None:
        """Take an attempt.

        Raises:
            PeerMisbehaved: its version was never described.
        """
        if (job.id, job.attempt) in self._attempts:
            return
        attempt = Attempt(job, self.loading.versions.find(job.version))
        self._attempts[attempt.key] = attempt
        self._ways.begin(job)
        if self._closing:
            self._end(attempt, released(CLOSED))
            return
        try:
            attempt.prepared = self._inputs.at_once(attempt.resident.spec, job)
        except InputUnusable as error:
            self._end(attempt, failed(str(error)))
            return
        if attempt.prepared is None:
            attempt.preparing = self._loop.create_task(self._prepare(attempt))
        self.loading.need(attempt)

    def stop(self, key: Key) -> None:
        """Cancel an attempt; an unknown one is ignored."""
        attempt = self._attempts.get(key)
        if attempt is not None:
            self._stop(attempt)

    def watch(self, key: Key, *, wanted: bool) -> None:
        """Somebody looks at an attempt, or nobody does any more; an unknown one is ignored."""
        attempt = self._attempts.get(key)
        if attempt is not None and attempt.watched is not wanted:
            attempt.watched = wanted
            if attempt.in_host:
                self._hosts.send(attempt.resident.spec.kind, Watch(*key, wanted))

    @property
    def held(self) -> list[Key]:
        """All attempts that have not ended."""
        return list(self._attempts)

    def drain(self) -> None:
        """Take no more."""
        self._closing = True
        if not self._attempts:
            self._idle()

    def release(self) -> None:
        """Hand back every attempt whose run is not over."""
        for attempt in list(self._attempts.values()):
            if not attempt.over:
                self._end(attempt, released(CLOSED))

    async def close(self, *, kindly: bool) -> None:
        """End hosts, *kindly* if nothing runs in them; nothing is told any more."""
        self._closing = True
        self._reporter.close()
        self.loading.close()
        self._ways.close()
        if self._limit_timer is not None:
            self._limit_timer.cancel()
        for attempt in self._attempts.values():
            _drop_timers(attempt)
        await self._hosts.close(kindly=kindly)

    async def _prepare(self, attempt: Attempt) -> None:
        folder = self._options.run_folder / attempt.folder_name
        attempt.has_folder = attempt.resident.spec.pixels
        try:
            attempt.prepared = await self._inputs.prepare(
                attempt.resident.spec, attempt.job, folder
            )
        except Exception as error:  # noqa: BLE001  # whatever an adapter raises, a run must end
            self._end(attempt, failed(str(error) or type(error).__name__))
            return
        if not attempt.over:
            self.loading.need(attempt)

    def _advance(self, attempt: Attempt) -> None:
        prepared = attempt.prepared
        if prepared is None or attempt.in_host or attempt.over:
            return
        job, attempt.prepared = attempt.job, None
        attempt.in_host = True
        attempt.limit_at = self._loop.time() + self._options.run_limit
        self._running[attempt.key] = attempt
        if self._limit_timer is None:
            self._limit_timer = self._loop.call_at(attempt.limit_at, self._limit)
        self._hosts.send(
            attempt.resident.spec.kind,
            Run(job.id, job.attempt, job.version, prepared.values, prepared.files),
            bulk_bytes=prepared.bulk_bytes,
        )
        if attempt.watched:
            self._hosts.send(attempt.resident.spec.kind, Watch(*attempt.key, wanted=True))

    def _received(self, kind: str, message: FromHost) -> None:
        match message:
            case Entered() | Output() | Over():
                self._of_run(kind, message)
            case Logged():
                self._logged(message)
            case Preview():
                self._preview(message)
            case Loaded() | NotLoaded():
                self.loading.heard(message)

    def _of_run(self, kind: str, message: Entered | Output | Over) -> None:
        attempt = self._running.get((message.id, message.attempt))
        if attempt is None:
            return  # handed back meanwhile
        if attempt.resident.spec.kind != kind:
            raise PeerMisbehaved("a host spoke of a run of another host")
        match message:
            case Entered():
                attempt.telling.start()
            case Output():
                self._output(attempt, message)
            case Over():
                self._over(attempt, message)
        self._reporter.mark(attempt)

    def _logged(self, message: Logged) -> None:
        if message.attempt == 0:
            self.loading.log(message.id, message.text)
            return
        attempt = self._running.get((message.id, message.attempt))
        if attempt is not None:
            attempt.telling.say(message.text)
            self._reporter.mark(attempt)

    def _preview(self, preview: Preview) -> None:
        attempt = self._running.get((preview.id, preview.attempt))
        if attempt is not None and attempt.watched:
            self._show(preview)

    def _output(self, attempt: Attempt, output: Output) -> None:
        if output.index != attempt.outputs:
            raise PeerMisbehaved("a host numbered its outputs wrongly")
        attempt.outputs += 1
        if output.value is not None:
            attempt.telling.give(Gave(output.index, None, output.value))
        elif output.index >= MAX_FILES or len(output.data) > MAX_FILE_BYTES:
            raise PeerMisbehaved("a host gave too many files, or one too large")
        else:
            place = attempt.telling.keep_place()
            self._ways.store(attempt.job, output, lambda fact: self._stored(attempt, place, fact))

    def _stored(self, attempt: Attempt, place: Place, fact: FileFact | FilesUnavailable) -> None:
        if self._attempts.get(attempt.key) is not attempt:
            return  # ended by another file that could not be stored
        if isinstance(fact, FileFact):
            index = int(fact.key.rpartition("/")[2])
            place.gave = Gave(index, fact)
        else:
            attempt.verdict = failed(f"An output file could not be stored: {fact}")
            attempt.telling.drop_unstored()
            if attempt.over:
                attempt.telling.end(attempt.verdict)
            else:
                self._stop(attempt)
        self._reporter.mark(attempt)

    def _over(self, attempt: Attempt, over: Over) -> None:
        if over.outcome not in _OUTCOMES:
            raise PeerMisbehaved(f"a host ended a run as {over.outcome!r}")
        ended = attempt.verdict
        outcome, error = (ended.outcome, ended.error) if ended else (over.outcome, over.error)
        self._end(attempt, Ended(outcome, error, over.metrics, over.run_seconds))

    def _gone(self, kind: str, how: str, killed: str | None) -> None:
        ended = self.loading.lost(kind, starved="SIGKILL" in how and not killed)
        for attempt in list(self._attempts.values()):
            if attempt.over or attempt.resident.spec.kind != kind:
                continue
            if not attempt.in_host and attempt.resident not in ended:
                self.loading.need(attempt)
            elif attempt.verdict or attempt.stopping:
                self._end(attempt, attempt.verdict or canceled())
            elif killed:
                self._end(attempt, released(killed))
            else:
                self._end(attempt, crashed(how))

    def _stop(self, attempt: Attempt) -> None:
        if attempt.over or attempt.stopping:
            return
        attempt.stopping = True
        if not attempt.in_host:
            self._end(attempt, attempt.verdict or canceled())
            return
        kind = attempt.resident.spec.kind
        self._hosts.send(kind, Cancel(*attempt.key))
        grace = self._options.cancel_grace
        attempt.grace = self._loop.call_later(grace, self._hosts.kill, kind, _SHARED)

    def _limit(self) -> None:
        """End every run that takes too long; wake again for the next."""
        self._limit_timer = None
        now = self._loop.time()
        for attempt in list(self._running.values()):
            if attempt.limit_at > now:
                self._limit_timer = self._loop.call_at(attempt.limit_at, self._limit)
                return
            if not attempt.stopping:
                seconds = f"{self._options.run_limit:g}"
                attempt.verdict = failed(
                    f"The run took longer than {seconds} seconds, the limit of this server."
                )
                self._stop(attempt)

    def _end(self, attempt: Attempt, ended: Ended) -> None:
        """The run is over, or will never be; its end is told once its files are stored."""
        attempt.over = True
        attempt.in_host = False
        _drop_timers(attempt)
        self._running.pop(attempt.key, None)
        self.loading.release(attempt)
        attempt.telling.end(ended)
        self._reporter.mark(attempt)

    def _told(self, attempt: Attempt) -> None:
        del self._attempts[attempt.key]
        self._ways.end(attempt.job)
        if attempt.has_folder:
            folder = self._options.run_folder / attempt.folder_name
            self._loop.run_in_executor(None, shutil.rmtree, folder, True)  # noqa: FBT003
        if not self._attempts:
            self._idle()


def _drop_timers(attempt: Attempt) -> None:
    if attempt.grace is not None:
        attempt.grace.cancel()
    if attempt.preparing is not None and attempt.preparing is not asyncio.current_task():
        attempt.preparing.cancel()
