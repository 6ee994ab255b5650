"""The placer's process: asks a server what its pools need, and has a cluster see to it."""

import asyncio
import os
import re
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec

import msgspec
import structlog

from darkroom.compose.logs import configure_logs
from darkroom.domain.errors import ClusterAway, DarkroomError, InvalidSetting, NoServer, Refused
from darkroom.domain.extras import how_to_install
from darkroom.domain.ids import is_pool
from darkroom.domain.model import Json
from darkroom.placers.ray import GRACE_SECONDS, RayPlacer
from darkroom.placers.ray_talk import Begin
from darkroom.ports.serving import Pools, PoolWant
from darkroom.service.pools import Peak

_ROUND_SECONDS = 2.0
_NAMESPACE = "darkroom"
_REFUSED = frozenset({401, 403, 404})
_HEAD = re.compile(r"[^/\s]+:[0-9]{1,5}")
_LAST_PORT = 65535
_log = structlog.get_logger()


class _Bounds(msgspec.Struct, frozen=True):
    max: int
    idle_seconds: float
    gpus: float
    cpus: float
    resources: dict[str, float]


class _Pool(msgspec.Struct, frozen=True):
    name: str
    busy: list[str]
    needed: int | None
    wanted: int | None
    bounds: _Bounds | None


class _Told(msgspec.Struct, frozen=True):
    results: list[_Pool]


class Wishes:
    """What a server told its pools need, as the cluster is to hear it.

    Of several servers behind one address each knows only what it was itself asked, and one that
    was just started knows nothing: what was needed within the idle window is minded here too.
    """

    def __init__(self) -> None:
        self._peaks: dict[tuple[str, float], Peak] = {}

    def read(self, told: Json, now: float) -> Mapping[str, PoolWant]:
        """What is wanted of each pool that has bounds.

        Raises:
            Refused: what was told is no answer of `/api/pools`.
        """
        try:
            pools = msgspec.convert(told, _Told).results
        except msgspec.ValidationError as error:
            raise Refused(f"the server's answer is not that of /api/pools ({error})") from error
        for pool in pools:
            if not is_pool(pool.name):  # on the nodes it is the name of a file
                raise Refused(f"the server names a pool {pool.name[:80]!r}, as none can be named")
        return {
            pool.name: PoolWant(
                workers=max(pool.wanted, self._of_late(pool.name, pool.bounds, pool.needed, now)),
                gpus=pool.bounds.gpus,
                cpus=pool.bounds.cpus,
                resources=pool.bounds.resources,
                busy=frozenset(pool.busy),
            )
            for pool in pools
            if pool.bounds is not None and pool.needed is not None and pool.wanted is not None
        }

    def _of_late(self, name: str, bounds: _Bounds, needed: int, now: float) -> int:
        window = bounds.idle_seconds
        peak = self._peaks.setdefault((name, window), Peak(window))
        return min(peak.tell(needed, now), bounds.max)


class Rounds:
    """Rounds from server to cluster. What is away is told once, and once when it is back.

    Args:
        ask: gives what the server's `/api/pools` answers; may block.
        pools: the cluster.
        monotonic: seconds that never jump.
    """

    def __init__(
        self, ask: Callable[[], Json], pools: Pools, monotonic: Callable[[], float]
    ) -> None:
        self._ask = ask
        self._pools = pools
        self._monotonic = monotonic
        self._wishes = Wishes()
        self._away = False
        self._present: Mapping[str, int] = {}

    async def once(self) -> None:
        """One round.

        Raises:
            Refused: the server does not take the key, or has no such thing as pools.
            InvalidSetting: the cluster must not or cannot be used as things are.
        """
        try:
            told = await asyncio.to_thread(self._ask)
            present = await self._pools.reconcile(self._wishes.read(told, self._monotonic()))
        except Refused as error:
            if error.status in _REFUSED:
                raise
            self._missed(error)
        except (NoServer, ClusterAway) as error:
            self._missed(error)
        else:
            self._met(present)

    def _missed(self, error: DarkroomError) -> None:
        if not self._away:
            _log.warning("placer.waits", why=str(error))
        self._away = True

    def _met(self, present: Mapping[str, int]) -> None:
        if self._away:
            _log.info("placer.goes_on")
        self._away = False
        if present != self._present:
            _log.info("workers.present", **present)
        self._present = present


def main(
    ask: Callable[[], Json], *, server: str, address: str, tokens: str | None, open_allowed: bool
) -> int:
    """Keep as many workers on the cluster as the server wants; see `entry.placer`."""
    begin = _begin(address, worker_command(server), tokens=tokens, open_allowed=open_allowed)
    return _run(begin, lambda placer: _for_ever(ask, placer))


def stop(*, address: str, open_allowed: bool) -> int:
    """Drain and remove all workers; see `entry.placer_stop`."""
    begin = _begin(address, (), tokens=None, open_allowed=open_allowed)
    return _run(begin, lambda placer: placer.stop(GRACE_SECONDS))


def worker_command(server: str) -> Sequence[str]:
    """What a keeper runs. The token is not in it: Ray and `ps` would show it."""
    program = ("{python}", "-P", "-m", "darkroom", "worker", "--server", server)
    return (*program, "--name", "{name}")


def _begin(
    address: str, command: Sequence[str], *, tokens: str | None, open_allowed: bool
) -> Begin:
    if not _HEAD.fullmatch(address) or int(address.rpartition(":")[2]) > _LAST_PORT:
        raise InvalidSetting(f"address: {address!r} is not host:port, such as 10.0.0.1:6379")
    return Begin(
        address=address,
        namespace=_NAMESPACE,
        command=command,
        tokens=tokens,
        open_allowed=open_allowed,
    )


def _run(begin: Begin, work: Callable[[RayPlacer], Awaitable[None]]) -> int:
    if find_spec("ray") is None:
        raise InvalidSetting(f"a placer needs Ray; {how_to_install('ray')}")
    configure_logs()
    return asyncio.run(_until_told(begin, work))


async def _until_told(begin: Begin, work: Callable[[RayPlacer], Awaitable[None]]) -> int:
    """Do *work* until it is done or a signal comes; workers stay as they are."""
    placer = RayPlacer(begin, os.environ)
    working = asyncio.ensure_future(work(placer))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    try:
        with suppress(asyncio.CancelledError):
            await working
    finally:
        await placer.close()
    return 0


async def _for_ever(ask: Callable[[], Json], placer: RayPlacer) -> None:
    rounds = Rounds(ask, placer, asyncio.get_running_loop().time)
    while True:
        await rounds.once()
        await asyncio.sleep(_ROUND_SECONDS)
