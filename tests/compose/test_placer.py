"""The placer's rounds: what a server wants reaches the cluster, and what is away is told once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
import structlog.testing

from darkroom.compose.placer import Rounds, Wishes, worker_command
from darkroom.domain.errors import ClusterAway, InvalidSetting, NoServer, Refused
from darkroom.domain.model import Json
from darkroom.ports.serving import PoolWant


def answer(
    wanted: int,
    busy: Sequence[str] = (),
    *,
    needed: int | None = None,
    most: int = 4,
    name: str = "default",
) -> Json:
    bounds = {"min": 0, "max": most, "idle_seconds": 300, "target_wait_seconds": 10}
    takes = {"gpus": 1, "cpus": 2, "resources": {"h200": 1}}
    pool = {"name": name, "waiting": 3, "running": 1, "busy": list(busy)}
    told = {"needed": wanted if needed is None else needed, "wanted": wanted}
    return {"results": [{**pool, **told, "bounds": {**bounds, **takes}, "workers": []}]}


@dataclass(slots=True)
class Cluster:
    """Pools that a test looks at."""

    wants: list[Mapping[str, PoolWant]] = field(default_factory=list[Mapping[str, PoolWant]])
    fault: Exception | None = None

    async def reconcile(self, want: Mapping[str, PoolWant]) -> Mapping[str, int]:
        if self.fault is not None:
            raise self.fault
        self.wants.append(want)
        return {name: one.workers for name, one in want.items()}

    async def stop(self, grace_seconds: float) -> None:
        raise AssertionError(grace_seconds)


@dataclass(slots=True)
class Server:
    """A server whose answer a test sets."""

    told: Json = None
    fault: Exception | None = None

    def __call__(self) -> Json:
        if self.fault is not None:
            raise self.fault
        return self.told


def rounds(server: Server, cluster: Cluster) -> Rounds:
    return Rounds(server, cluster, lambda: 0.0)


async def test_what_the_server_wants_reaches_the_cluster() -> None:
    cluster = Cluster()
    await rounds(Server(answer(3, busy=["default-2"])), cluster).once()
    (want,) = cluster.wants
    assert want == {
        "default": PoolWant(
            workers=3, gpus=1, cpus=2, resources={"h200": 1}, busy=frozenset({"default-2"})
        )
    }


@pytest.mark.parametrize("server_is_away", [True, False])
async def test_what_is_away_is_told_once_and_so_is_its_return(server_is_away: bool) -> None:  # noqa: FBT001  # pytest's parameter
    server, cluster = Server(answer(1)), Cluster()
    placer = rounds(server, cluster)
    with structlog.testing.capture_logs() as told:
        for fault in (None, NoServer("gone"), NoServer("gone"), None, None):
            if server_is_away:
                server.fault = fault
            else:
                cluster.fault = fault and ClusterAway(str(fault))
            await placer.once()
    assert [line["event"] for line in told] == [
        "workers.present",
        "placer.waits",
        "placer.goes_on",
    ]
    assert len(cluster.wants) == 3


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_key_that_is_refused_ends_the_placer(status: int) -> None:
    with pytest.raises(Refused):
        await rounds(Server(fault=Refused("no", status=status)), Cluster()).once()


async def test_a_server_that_is_busy_is_asked_again() -> None:
    server, cluster = Server(fault=Refused("busy", status=503)), Cluster()
    placer = rounds(server, cluster)
    await placer.once()
    server.fault, server.told = None, answer(1)
    await placer.once()
    assert len(cluster.wants) == 1


async def test_a_cluster_that_cannot_be_used_ends_the_placer() -> None:
    with pytest.raises(InvalidSetting):
        await rounds(Server(answer(1)), Cluster(fault=InvalidSetting("open"))).once()


def test_a_server_that_knows_less_of_the_past_makes_no_pool_shrink_early() -> None:
    wishes = Wishes()
    told = [wishes.read(answer(wanted), now)["default"].workers
            for wanted, now in ((3, 0.0), (1, 2.0), (3, 4.0), (1, 6.0), (1, 304.0))]  # fmt: skip
    assert told == [3, 3, 3, 3, 1]


def test_a_pool_shrinks_after_one_idle_window_and_not_after_two() -> None:
    wishes = Wishes()
    moments = ((3, 3, 0.0), (3, 1, 2.0), (3, 1, 298.0), (1, 1, 300.0))
    told = [wishes.read(answer(wanted, needed=needed), now)["default"].workers
            for wanted, needed, now in moments]  # fmt: skip
    assert told == [3, 3, 3, 1]


def test_a_pool_that_may_be_smaller_now_shrinks_at_once() -> None:
    wishes = Wishes()
    told = [wishes.read(answer(least, most=least), 0.0)["default"].workers for least in (4, 2)]
    assert told == [4, 2]


def test_a_placer_that_was_just_started_heeds_what_the_server_remembers() -> None:
    assert Wishes().read(answer(3, needed=1), 0.0)["default"].workers == 3


def test_a_pool_without_bounds_is_left_out() -> None:
    busy: list[Json] = []
    pool: Json = {"name": "x", "busy": busy, "needed": None, "wanted": None, "bounds": None}
    assert Wishes().read({"results": [pool]}, 0.0) == {}


def test_an_answer_of_something_else_is_refused() -> None:
    with pytest.raises(Refused, match="not that of /api/pools"):
        Wishes().read({"detail": "no"}, 0.0)


def test_a_pool_whose_name_would_lead_a_node_to_another_file_is_refused() -> None:
    with pytest.raises(Refused, match="names a pool"):
        Wishes().read(answer(1, name="../../key"), 0.0)


def test_the_command_of_a_worker_holds_no_token() -> None:
    command = worker_command("https://darkroom.example.org")
    assert "https://darkroom.example.org" in command
    assert not [word for word in command if "token" in word]
