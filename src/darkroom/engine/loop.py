"""The tick loop: every turn one batch of rows, of any orders and any loaded engine, one step on.

Two threads of its own. One does nothing but call denoisers; the other encodes orders that come
and decodes rows that are done, so that the first never waits for it.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from darkroom.domain.errors import RunCanceled, RunFailed
from darkroom.engine.choosing import Candidate, next_batch
from darkroom.engine.interface import Engine, NoRoom, Order, Picture, Row
from darkroom.engine.meters import Meter
from darkroom.engine.room import Group, Room
from darkroom.engine.tempo import Tempo


class Listener(Protocol):
    """Who gave an order. Called in the loop's threads; whatever it raises ends the order."""

    def ticked(self, row: Row) -> None:
        """A row has taken a step."""
        ...

    def made(self, row: Row, picture: Picture) -> None:
        """A row is decoded; rows of one order may come in any order."""
        ...

    def ended(self, error: BaseException | None) -> None:
        """The last call: all pictures are made, or none comes any more."""
        ...


@dataclass(eq=False, slots=True)
class Ticket:
    """An order under way; for `Loop.cancel`."""

    engine: Engine
    order: Order
    listener: Listener
    rows: Sequence[Row] = ()
    undecoded: int = 0
    over: bool = False


@dataclass(slots=True)
class Pace:
    """What a loop has done: turns, seconds in which any row was under way, seconds stepping."""

    turns: int = 0
    active_seconds: float = 0.0
    stepping_seconds: float = 0.0
    rows: dict[int, int] = field(default_factory=dict[int, int])  # turns by rows in the batch

    def note(self, rows: int, stepping: float, active: float) -> None:
        """Count a turn."""
        self.turns += 1
        self.stepping_seconds += stepping
        self.active_seconds += active
        self.rows[rows] = self.rows.get(rows, 0) + 1


class Loop:
    """Makes the orders of any number of engines on one device.

    Args:
        meter: of the device.
        clock: seconds that never jump.
    """

    def __init__(self, meter: Meter, clock: Callable[[], float] = time.monotonic) -> None:
        self._meter = meter
        self._clock = clock
        self._room = Room(meter.free)
        self._tempo = Tempo()
        self._changed = threading.Condition()
        self._tickets: set[Ticket] = set()
        self._active: list[tuple[Ticket, Row]] = []
        self._alone: deque[Callable[[], None]] = deque()
        self._stepped: dict[Group, int] = {}
        self._closed = False
        self.pace = Pace()
        self._side = ThreadPoolExecutor(1, "encode-decode")
        self._thread = threading.Thread(target=self._run, name="denoise", daemon=True)
        self._thread.start()

    def submit(self, engine: Engine, order: Order, listener: Listener) -> Ticket:
        """Take an order; its rows join the batch as soon as they are encoded."""
        ticket = Ticket(engine, order, listener)
        with self._changed:
            self._tickets.add(ticket)
        self._side.submit(self._guarded, ticket, self._prepare)
        return ticket

    def beside(self, work: Callable[[], None]) -> None:
        """Do *work* where orders are encoded and pictures decoded; it must not raise."""
        self._side.submit(work)

    def cancel(self, ticket: Ticket) -> None:
        """Drop an order now; its rows take no further step. One that is over stays as it is."""
        self._end(ticket, RunCanceled("told to stop"))

    def forget(self, engine: Engine) -> None:
        """Drop what was learned of an engine that is about to go."""
        with self._changed:
            self._room.forget(id(engine))
            self._tempo.forget(id(engine))

    def close(self) -> None:
        """End both threads once what they do is done; orders under way are canceled."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        for ticket in list(self._tickets):
            self.cancel(ticket)
        self._side.shutdown()

    # ── beside the loop: encode and decode ──

    def _prepare(self, ticket: Ticket) -> None:
        rows = ticket.engine.prepare(ticket.order)
        with self._changed:
            ticket.rows, ticket.undecoded = rows, len(rows)
            if not ticket.over:
                self._active += [(ticket, row) for row in rows]
                self._changed.notify()
                return
        ticket.engine.cancel(rows)

    def _decode(self, ticket: Ticket, row: Row) -> None:
        picture = ticket.engine.decode(row)
        ticket.listener.made(row, picture)
        with self._changed:
            ticket.undecoded -= 1
            left = ticket.undecoded
        if not left:
            self._end(ticket, None)

    def _guarded(self, ticket: Ticket, work: Callable[..., None], *rows: Row) -> None:
        """Do *work*; where there is no room for it, once more between two turns."""
        if ticket.over:
            return
        try:
            work(ticket, *rows)
        except NoRoom:
            with self._changed:
                self._alone.append(lambda: self._last_try(ticket, work, *rows))
                self._changed.notify()
        except BaseException as error:  # noqa: BLE001  # model code may raise anything
            self._end(ticket, error)

    def _last_try(self, ticket: Ticket, work: Callable[..., None], *rows: Row) -> None:
        try:
            work(ticket, *rows)
        except NoRoom:
            self._end(ticket, _too_large(ticket.order))
        except BaseException as error:  # noqa: BLE001  # model code may raise anything
            self._end(ticket, error)

    def _end(self, ticket: Ticket, error: BaseException | None) -> None:
        with self._changed:
            if ticket.over:
                return
            ticket.over = True
            self._tickets.discard(ticket)
            self._active = [one for one in self._active if one[0] is not ticket]
        ticket.engine.cancel(ticket.rows)
        ticket.listener.ended(error)

    # ── the loop ──

    def _run(self) -> None:
        active_at = self._clock()
        while True:
            with self._changed:
                if self._closed:  # seen under the lock, or `close` would wake nobody
                    return
                if not (self._active or self._alone):
                    self._changed.wait()
                    active_at = self._clock()
                    continue
                alone = self._alone.popleft() if self._alone else None
                batch = [] if alone else self._choose()
            if alone is not None:
                alone()
                continue
            began_at = self._clock()
            self._step(batch)
            ended_at = self._clock()
            self.pace.note(len(batch), ended_at - began_at, ended_at - active_at)
            active_at = ended_at

    def _choose(self) -> list[tuple[Ticket, Row]]:
        found = {id(row): (ticket, row) for ticket, row in self._active}
        chosen = next_batch(
            [Candidate(row, _group(ticket, row)) for ticket, row in self._active],
            turn=self.pace.turns,
            stepped=self._stepped,
            lanes=self._room.lanes,
            cheap=self._tempo.cheap,
        )
        self._stepped[chosen[0].group] = self.pace.turns
        return [found[id(one.row)] for one in chosen]

    def _step(self, batch: Sequence[tuple[Ticket, Row]]) -> None:
        tickets = {id(row): ticket for ticket, row in batch}
        group, lanes = _group(*batch[0]), sum(row.lanes for _, row in batch)

        def ticked(row: Row) -> None:
            self._ticked(tickets[id(row)], row)

        self._meter.begin()
        began_at = self._clock()
        try:
            batch[0][0].engine.step([row for _, row in batch], ticked)
        except NoRoom:
            self._refused(group, lanes, batch)
        except BaseException as error:  # noqa: BLE001  # model code may raise anything
            for ticket, _ in batch:
                self._end(ticket, error)
        else:
            for ticket, row in batch:
                if row.fault is not None:
                    self._end(ticket, row.fault)
            with self._changed:
                self._room.learned(group, lanes, self._meter.peak())
                self._tempo.learned(group, lanes, self._clock() - began_at)

    def _ticked(self, ticket: Ticket, row: Row) -> None:
        try:
            ticket.listener.ticked(row)
        except BaseException as error:  # noqa: BLE001  # a listener's fault is its own order's end
            self._end(ticket, error)
            return
        if row.finished and not row.canceled:
            with self._changed:
                self._active = [one for one in self._active if one[1] is not row]
            self._side.submit(self._guarded, ticket, self._decode, row)

    def _refused(self, group: Group, lanes: int, batch: Sequence[tuple[Ticket, Row]]) -> None:
        if len(batch) == 1:
            self._end(batch[0][0], _too_large(batch[0][0].order))
            return
        with self._changed:
            self._room.refused(group, lanes)


def _group(ticket: Ticket, row: Row) -> Group:
    return id(ticket.engine), row.key


def _too_large(order: Order) -> RunFailed:
    return RunFailed(
        f"The device has too little memory for a picture of {order.width} x {order.height}. "
        "Ask for a smaller one."
    )
