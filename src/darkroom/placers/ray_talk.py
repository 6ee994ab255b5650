"""What the placer and its driver process tell each other: one JSON text a line.

The driver is a process of its own because Ray ends the process it runs in, or lets its calls hang,
when the head of a cluster is away. Whoever talks to it can always kill it and start another.
"""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """The first line to the driver: which cluster, and what its keepers run.

    `command` may hold `{python}`, `{name}` and `{pool}`, which are filled in on the node. `tokens`
    is a folder on the nodes with a file per pool that holds the token of its workers; None leaves
    them the DARKROOM_TOKEN of the node.
    """

    address: str
    namespace: str
    command: Sequence[str]
    tokens: str | None = None
    open_allowed: bool = False


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a pool should have; as `ports.serving.PoolWant`."""

    workers: int
    gpus: float
    cpus: float
    resources: dict[str, float]
    busy: list[str]


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """Every further line to the driver: do one round, and let what goes drain for so long."""

    pools: dict[str, Wanted]
    grace_seconds: float


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A keeper as this round found it.

    Args:
        name: its worker's too.
        pool: whose it is.
        node: name of its machine; None while it has no place, or does not answer.
        gpus: what its worker may see, as CUDA_VISIBLE_DEVICES has it.
        pid: process id of its worker on that node, None while that does not run.
        draining: whether it is about to go.
        fault: why its worker does not run.
    """

    name: str
    pool: str
    node: str | None = None
    gpus: str = ""
    pid: int | None = None
    draining: bool = False
    fault: str | None = None


class Done(msgspec.Struct, frozen=True, tag=True):
    """The answer to `Begin`, with nothing, and to a round."""

    keepers: list[Seen] = []


class Away(msgspec.Struct, frozen=True, tag=True):
    """The cluster cannot be asked now; the driver ends."""

    why: str


class Unfit(msgspec.Struct, frozen=True, tag=True):
    """The cluster must not or cannot be used as things are; the driver ends."""

    why: str


Answer: TypeAlias = Done | Away | Unfit
