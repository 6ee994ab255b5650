"""The pools of workers, for whoever places workers and for administrators."""

from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.domain.errors import NotAllowed
from darkroom.domain.ids import worker_name
from darkroom.http.answers import caller, json_answer, route
from darkroom.service.pools import Bounds, Demand, PoolState
from darkroom.service.seats import Seat

_FOR_ADMINISTRATORS = "Pools are for administrators; use an admin key."


class WireBounds(msgspec.Struct, frozen=True):
    """How large a pool may be, and what a worker of it takes of a cluster."""

    min: int
    max: int
    idle_seconds: float
    target_wait_seconds: float
    gpus: float
    cpus: float
    resources: dict[str, float]


class WireWorker(msgspec.Struct, frozen=True):
    """A worker that is connected to this server."""

    name: str
    running: int
    resident: list[str]
    draining: bool


class WirePool(msgspec.Struct, frozen=True):
    """A pool as it is now; `busy` names workers at whatever server."""

    name: str
    waiting: int
    running: int
    busy: list[str]
    needed: int | None
    wanted: int | None
    bounds: WireBounds | None
    workers: list[WireWorker]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRoutes:
    """The routes of pools."""

    demand: Demand

    def administration(self) -> list[Route]:
        """Paths relative to `/api`."""
        return [route("/pools", self.list_all)]

    async def list_all(self, request: Request) -> Response:
        """Every pool."""
        if not caller(request).admin:
            raise NotAllowed(_FOR_ADMINISTRATORS)
        return json_answer({"results": [_pool(one) for one in await self.demand.look()]})


def _pool(state: PoolState) -> WirePool:
    return WirePool(
        name=state.name,
        waiting=state.waiting,
        running=state.running,
        busy=[worker_name(one) for one in state.busy],
        needed=state.needed,
        wanted=state.wanted,
        bounds=None if state.bounds is None else _bounds(state.bounds),
        workers=[_worker(seat) for seat in state.seats],
    )


def _bounds(bounds: Bounds) -> WireBounds:
    return WireBounds(
        min=bounds.least,
        max=bounds.most,
        idle_seconds=bounds.idle_seconds,
        target_wait_seconds=bounds.target_wait_seconds,
        gpus=bounds.gpus,
        cpus=bounds.cpus,
        resources=dict(bounds.resources),
    )


def _worker(seat: Seat) -> WireWorker:
    name = worker_name(seat.holder.worker)
    return WireWorker(name, len(seat.held), list(seat.resident), seat.draining)
