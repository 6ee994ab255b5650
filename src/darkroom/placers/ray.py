"""Workers on a Ray cluster. Ray chooses the node and the GPU, and nothing else goes through it.

Ray itself is only loaded in the driver, a child process; see `ray_talk` for why.
"""

import asyncio
import math
import os
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec
import structlog

from darkroom.domain.errors import ClusterAway, InvalidSetting
from darkroom.placers.ray_talk import Answer, Away, Begin, Done, Round, Seen, Unfit, Wanted
from darkroom.placers.ray_token import check_token
from darkroom.ports.serving import PoolWant

_DRIVER = ("-P", "-m", "darkroom.placers.ray_driver")
_CONNECT_SECONDS = 3.0
_PATIENCE_SECONDS = 30.0
_AGAIN_SECONDS = 5.0
_STEP_SECONDS = 0.5
GRACE_SECONDS = 60.0
"""A draining worker takes the `drain_seconds` of its node, 50 at the most, and some to end."""
_LONGEST_LINE = 2**24  # keepers are told in some 200 bytes each
_SET: Mapping[str, str] = MappingProxyType(
    {
        "RAY_USAGE_STATS_ENABLED": "0",
        # Shorter, and Ray ends its process when the head has been away that long.
        "RAY_gcs_rpc_server_reconnect_timeout_s": "3600",
        "RAY_py_gcs_connect_timeout_s": "5",
    }
)
_log = structlog.get_logger()


class RayPlacer:
    """Satisfies `ports.Pools`; made and used inside one event loop.

    Args:
        begin: which cluster, and what its keepers run.
        environment: of the driver; token authentication and silence towards Ray's makers are added.
        patience_seconds: how long a round may take before the driver is given up.
    """

    def __init__(
        self,
        begin: Begin,
        environment: Mapping[str, str],
        *,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        self._begin = begin
        self._environment = {**_SET, **environment, **_manner(begin)}
        self._patience = patience_seconds
        self._loop = asyncio.get_running_loop()
        self._driver: asyncio.subprocess.Process | None = None
        self._again_at = -math.inf
        self.keepers: Sequence[Seen] = ()

    async def reconcile(self, want: Mapping[str, PoolWant]) -> Mapping[str, int]:
        """One round; the workers counted are those that run and were not told to go.

        Raises:
            ClusterAway: the head does not answer, or no longer knows its nodes.
            InvalidSetting: the cluster takes no token of ours, or needs none; or we have none.
        """
        pools = {
            name: Wanted(
                workers=one.workers,
                gpus=one.gpus,
                cpus=one.cpus,
                resources=dict(one.resources),
                busy=sorted(one.busy),
            )
            for name, one in want.items()
        }
        self.keepers = await self._round(Round(pools=pools, grace_seconds=GRACE_SECONDS))
        present = dict.fromkeys(want, 0)
        for keeper in self.keepers:
            if keeper.pid is not None and not keeper.draining:
                present[keeper.pool] = present.get(keeper.pool, 0) + 1
        return present

    async def stop(self, grace_seconds: float) -> None:
        """Drain and remove every keeper there is; raises as `reconcile` does."""
        while True:
            self.keepers = await self._round(Round(pools={}, grace_seconds=grace_seconds))
            if not self.keepers:
                return
            await asyncio.sleep(_STEP_SECONDS)

    async def close(self) -> None:
        """End the driver; keepers and workers stay."""
        driver, self._driver = self._driver, None
        if driver is not None and driver.returncode is None:
            driver.kill()
        if driver is not None:
            await driver.wait()

    async def _round(self, asked: Round) -> Sequence[Seen]:
        await self._reach()
        if self._driver is None:
            await self._start()
        return await self._ask(asked)

    async def _reach(self) -> None:
        """See that the head is there at all: a driver asked in vain would hang.

        Raises:
            ClusterAway: nobody takes connections there.
        """
        host, _, port = self._begin.address.rpartition(":")
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        except (OSError, TimeoutError) as error:
            raise ClusterAway(f"nobody answers at {self._begin.address}") from error
        writer.close()

    async def _start(self) -> None:
        if self._loop.time() < self._again_at:
            raise ClusterAway(f"{self._begin.address} was away a moment ago")
        check_token(self._environment)
        self._again_at = self._loop.time() + _AGAIN_SECONDS
        self._driver = await asyncio.create_subprocess_exec(
            sys.executable,
            *_DRIVER,
            "--parent",
            str(os.getpid()),
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
        )
        await self._ask(self._begin)
        self._again_at = -math.inf
        _log.info("cluster.joined", address=self._begin.address)

    async def _ask(self, asked: Begin | Round) -> Sequence[Seen]:
        match await self._answer(asked):
            case Done(keepers):
                return keepers
            case Away(why):
                await self.close()
                raise ClusterAway(f"{self._begin.address}: {why}")
            case Unfit(why):
                await self.close()
                raise InvalidSetting(why)

    async def _answer(self, asked: Begin | Round) -> Answer:
        driver = self._driver
        if driver is None or driver.stdin is None or driver.stdout is None:
            return Away("its driver is gone")
        try:
            driver.stdin.write(msgspec.json.encode(asked) + b"\n")
            async with asyncio.timeout(self._patience):
                line = await driver.stdout.readline()
        except TimeoutError:
            return Away(f"no answer within {self._patience:.0f} s")
        except OSError:
            line = b""
        return msgspec.json.decode(line, type=Answer) if line else Away("its driver has ended")


def _manner(begin: Begin) -> Mapping[str, str]:
    """Without a token nothing is asked of a cluster, unless the operator says so."""
    return {} if begin.open_allowed else {"RAY_AUTH_MODE": "token"}
