"""What attempts have to do with loading: they wait for it, hear of it, and may end with it."""

import asyncio
from collections.abc import Callable, Collection, Mapping

from darkroom.ports.running import WeightsSource
from darkroom.protocol.messages import (
    Ended,
    Keep,
    Key,
    Load,
    Loaded,
    NotLoaded,
    Unload,
    VersionSpec,
)
from darkroom.worker.attempt import Attempt, failed
from darkroom.worker.options import Options
from darkroom.worker.process import Hosts
from darkroom.worker.reporter import Reporter
from darkroom.worker.residency import Listeners, Residency
from darkroom.worker.resident import Resident, Residents, Stage


class Loading:
    """The versions that attempts need, on their way into hosts.

    Args:
        options: the worker's limits.
        weights: brings weights to this machine.
        attempts: all that the worker holds, as they are at any moment.
        hosts: what versions are loaded into.
        reporter: sends what attempts have to tell.
        advance: takes an attempt whose version is ready.
        end: takes one that ends because it is not.
    """

    def __init__(
        self,
        options: Options,
        weights: WeightsSource,
        *,
        attempts: Mapping[Key, Attempt],
        hosts: Hosts,
        reporter: Reporter,
        advance: Callable[[Attempt], None],
        end: Callable[[Attempt, Ended], None],
    ) -> None:
        self._setup_seconds = options.setup_limit
        self._attempts = attempts
        self._hosts = hosts
        self._reporter = reporter
        self._advance = advance
        self._end = end
        self._residency = Residency(
            options.resident_models,
            options.load_patience,
            weights,
            Listeners(send=self._send, ready=self._ready, failed=self._unloadable, log=self._tell),
        )

    @property
    def versions(self) -> Residents:
        """All that the server has described."""
        return self._residency.versions

    def know(self, spec: VersionSpec) -> None:
        """Remember what a version is from now on."""
        self._residency.know(spec)

    def keep(self, keep: Keep) -> None:
        """Do what the server wants of a version, whether or not a run needs it."""
        resident = self._residency.know(keep.version)
        self._residency.keep(resident, pinned=keep.pinned, load=keep.load)

    def need(self, attempt: Attempt) -> None:
        """Have its version loaded, and let it go on once that is done."""
        if self._residency.need(attempt.resident, attempt.key):
            self._advance(attempt)

    def release(self, attempt: Attempt) -> None:
        """It needs its version no more."""
        self._residency.release(attempt.resident, attempt.key)

    def heard(self, message: Loaded | NotLoaded) -> None:
        """A host tells what came of a load.

        Raises:
            PeerMisbehaved: it was not asked to load that.
        """
        if isinstance(message, Loaded):
            self._residency.loaded(message)
        else:
            self._residency.not_loaded(message.version, message.error)

    def log(self, version: str, text: str) -> None:
        """A host tells how a load goes.

        Raises:
            PeerMisbehaved: the version was never described.
        """
        self._tell(list(self.versions.first(version).users), text)

    def lost(self, kind: str, *, starved: bool) -> list[Resident]:
        """The host of *kind* is gone; see `Residency.lost`."""
        return self._residency.lost(kind, starved=starved)

    def unpin(self) -> None:
        """Take back every pin: the server that set them is gone, or will set them again."""
        self._residency.unpin()

    def close(self) -> None:
        """Load nothing more."""
        self._residency.close()

    def _send(self, kind: str, message: Load | Unload) -> None:
        self._hosts.send(kind, message)
        if isinstance(message, Load):
            resident = self.versions.loading(message.version.id)
            loop = asyncio.get_running_loop()
            loop.call_later(self._setup_seconds, self._setup_limit, resident, resident.loads)

    def _setup_limit(self, resident: Resident, loads: int) -> None:
        if resident.stage is not Stage.LOADING or resident.loads != loads:
            return
        limit = f"took longer than {self._setup_seconds:g} seconds, the limit of this server"
        resident.trouble = f"Loading the model {limit}."
        for attempt in self._users(resident):
            attempt.verdict = failed(resident.trouble)
        self._hosts.kill(
            resident.spec.kind,
            f"Loading another model in the same process {limit}, so the process was ended.",
        )

    def _ready(self, resident: Resident) -> None:
        for attempt in self._users(resident):
            self._advance(attempt)

    def _unloadable(self, resident: Resident, error: str) -> None:
        for attempt in self._users(resident):
            self._end(attempt, failed(error))

    def _tell(self, keys: Collection[Key], line: str) -> None:
        for attempt in [self._attempts[key] for key in keys]:
            if attempt.in_host:
                continue
            attempt.telling.say(line if line.endswith("\n") else line + "\n")
            self._reporter.mark(attempt)

    def _users(self, resident: Resident) -> list[Attempt]:
        return [self._attempts[key] for key in resident.users]
