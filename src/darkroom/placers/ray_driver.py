"""The driver of a Ray cluster: a process that does rounds for the placer that started it.

Its end changes nothing on the cluster: keepers are detached, the next driver finds them by name.
"""

import argparse
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec
from ray.exceptions import RayError

from darkroom.placers.ray_choice import choose, pool_of
from darkroom.placers.ray_cluster import RayCluster, admitted
from darkroom.placers.ray_keeper import Place, Pulse
from darkroom.placers.ray_talk import Answer, Away, Begin, Done, Round, Seen, Unfit
from darkroom.protocol.lifeline import ParentGone, die_with_parent

_NO_ANSWER = (RayError, OSError, RuntimeError, ValueError)
"""What Ray raises when it cannot be reached or does not know this cluster any more."""
_PING_SECONDS = 1.0
_DEAF_SECONDS = 10.0
_KNOCK_SECONDS = 20.0
_STRANGER = 0
_KNOWN = 3
_OPEN = (
    "{address}: this Ray cluster lets in whoever reaches it, and so runs anybody's code: start its "
    "nodes with RAY_AUTH_MODE=token, or add --allow-open-cluster if nobody else can reach them"
)
_UNKNOWN = (
    "{address}: this Ray cluster does not take our token: set RAY_AUTH_MODE=token, and give "
    "RAY_AUTH_TOKEN_PATH, RAY_AUTH_TOKEN or ~/.ray/auth_token what its nodes have"
)


class Driver:
    """Does rounds.

    Args:
        cluster: joined.
        begin: what keepers run.
        monotonic: seconds that never jump.
    """

    def __init__(self, cluster: RayCluster, begin: Begin, monotonic: Callable[[], float]) -> None:
        self._cluster = cluster
        self._begin = begin
        self._monotonic = monotonic
        self._heard_at: dict[str, float] = {}
        self._going: set[str] = set()

    def do(self, asked: Round) -> list[Seen]:
        """Add and let go what must be; returns every keeper there was before."""
        names = {name for name in self._cluster.names() if pool_of(name)}
        pulses = self._cluster.pulses(names, _PING_SECONDS)
        self._note(names, pulses)
        self._going |= {name for name, pulse in pulses.items() if pulse.draining}
        choice = choose(names, self._going & names, asked.pools)
        for name in choice.add:
            pool = pool_of(name) or ""
            self._cluster.add(self._place(name, pool), asked.pools[pool])
        for name in choice.go:
            self._let_go(name, asked.grace_seconds)
        for name in self._cluster.drained():
            self._cluster.kill(name)
        return [_seen(name, pulses.get(name), going=name in self._going) for name in sorted(names)]

    def _note(self, names: set[str], pulses: Mapping[str, Pulse]) -> None:
        now = self._monotonic()
        heard = {name: now if name in pulses else self._heard_at.get(name, now) for name in names}
        self._heard_at = heard
        self._going &= names

    def _let_go(self, name: str, grace_seconds: float) -> None:
        """Have a keeper drain; one that does not answer, as it waits for a place, is ended."""
        self._going.add(name)
        if self._monotonic() - self._heard_at[name] > _DEAF_SECONDS:
            self._cluster.kill(name)
        else:
            self._cluster.drain(name, grace_seconds)

    def _place(self, name: str, pool: str) -> Place:
        begin = self._begin
        return Place(name=name, pool=pool, command=tuple(begin.command), tokens=begin.tokens)


def _seen(name: str, pulse: Pulse | None, *, going: bool) -> Seen:
    pool = pool_of(name) or ""
    if pulse is None:
        return Seen(name=name, pool=pool, draining=going)
    return Seen(
        name=name,
        pool=pool,
        node=pulse.node,
        gpus=pulse.gpus,
        pid=pulse.pid,
        draining=going or pulse.draining,
        fault=pulse.fault,
    )


def joined(begin: Begin) -> Driver | Away | Unfit:
    """Join the cluster, unless it is away, takes no token of ours, or takes anybody's."""
    try:
        if not admitted(begin.address):
            return Unfit(why=_UNKNOWN.format(address=begin.address))
        if not begin.open_allowed and lets_strangers_in(begin.address):
            return Unfit(why=_OPEN.format(address=begin.address))
        return Driver(RayCluster(begin.address, begin.namespace), begin, time.monotonic)
    except (*_NO_ANSWER, subprocess.TimeoutExpired) as error:
        return Away(why=_first_line(error))


def lets_strangers_in(address: str) -> bool:
    """Knock without a token, from a process of its own: Ray reads its token once.

    Raises:
        OSError: it was neither let in nor turned away.
        subprocess.TimeoutExpired: there was no answer in time.
    """
    nameless = {name: it for name, it in os.environ.items() if not name.startswith("RAY_AUTH_")}
    nameless["RAY_AUTH_MODE"] = "disabled"
    told = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-P", "-m", __spec__.name, "--knock", address],
        env=nameless,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=_KNOCK_SECONDS,
        check=False,
    )
    if told.returncode not in (_STRANGER, _KNOWN):
        raise OSError("there was no answer without a token")
    return told.returncode == _STRANGER


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def serve(lines: BinaryIO, answer: Callable[[Answer], None]) -> None:
    """Answer every line until there are no more or the cluster is away."""
    driver = joined(msgspec.json.decode(lines.readline(), type=Begin))
    if not isinstance(driver, Driver):
        answer(driver)
        return
    answer(Done())
    for line in lines:
        try:
            answer(Done(driver.do(msgspec.json.decode(line, type=Round))))
        except _NO_ANSWER as error:
            answer(Away(why=_first_line(error)))
            return


def main() -> int:
    """Knock at a cluster, or drive one for the parent process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--knock")
    parser.add_argument("--parent", type=int)
    chosen = parser.parse_args()
    if chosen.knock:
        return _STRANGER if admitted(chosen.knock) else _KNOWN
    try:
        die_with_parent(chosen.parent)
    except ParentGone:
        return 1
    with os.fdopen(os.dup(1), "wb", buffering=0) as out, os.fdopen(os.dup(2), "w") as complaints:
        _silence()
        try:
            serve(sys.stdin.buffer, lambda told: _write(out, told))
        except Exception:  # noqa: BLE001  # the top of the process; nobody would hear of it
            traceback.print_exc(file=complaints)
            return 1
    return 0


def _silence() -> None:
    """Have Ray say nothing: between our lines it would do harm, and it tells of each worker's end.

    Its session on the node has a log of all that.
    """
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)


def _write(out: BinaryIO, told: Answer) -> None:
    out.write(msgspec.json.encode(told) + b"\n")


if __name__ == "__main__":
    ending = main()
    sys.stderr.flush()
    os._exit(ending)  # Ray's own end waits for a head that may be away
