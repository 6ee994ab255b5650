"""The tick loop: every turn one batch of rows, of any orders and any loaded engine, one step on.

Two threads of its own. One does nothing but call denoisers; the other encodes orders that come
and decodes rows that are done, so that the first never waits for it.
"""

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from darkroom.domain.errors import RunCanceled, RunFailed
from darkroom.engine.beside import Beside
from darkroom.engine.choosing import Candidate, next_batch
from darkroom.engine.interface import Engine, NoRoom, Order, Picture, Row
from darkroom.engine.meters import Meter
from darkroom.engine.room import Group, Room
from darkroom.engine.tempo import Tempo


class Listener(Protocol):
    """Who gave an order. Called in the loop's threads; whatever it raises ends the order.

    `begun` and `made` may raise `NoRoom`: they are called once more with the device to themselves.
    One call of `made` follows the other; `ticked` may come while it lasts. `ended` may come from
    the thread that cancels, also while another call lasts, which should then do no more.
    """

    def begun(self) -> None:
        """The order is about to be encoded."""
        ...

    def ticked(self, row: Row) -> None:
        """A row has taken a step."""
        ...

    def made(self, row: Row, picture: Picture) -> None:
        """A row is decoded; rows of one order may come in any order, but not at the same time."""
        ...

    def ended(self, error: BaseException | None) -> None:
        """All pictures are made, or none comes any more; told once. What it raises is printed."""
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

    Every order comes to its end whatever fails: `Listener.ended` is called exactly once.

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
        self._active_at = 0.0
        self._closed = False
        self.pace = Pace()
        self._beside = Beside()
        self._thread = threading.Thread(target=self._run, name="denoise", daemon=True)
        self._thread.start()

    def submit(self, engine: Engine, order: Order, listener: Listener) -> Ticket:
        """Take an order; its rows join the batch as soon as they are encoded.

        One that comes after `close` is canceled.
        """
        ticket = Ticket(engine, order, listener)
        with self._changed:
            self._tickets.add(ticket)
            if not self._closed:
                self._beside.submit(lambda: self._guarded(ticket, self._prepare))
                return ticket
        self.cancel(ticket)
        return ticket

    def beside(self, work: Callable[[], None]) -> None:
        """Do *work* where orders are encoded and pictures decoded; it must not raise."""
        self._beside.submit(work)

    def cancel(self, ticket: Ticket) -> None:
        """Drop an order now; its rows take no further step. One that is over stays as it is."""
        self._end(ticket, RunCanceled("told to stop"))

    def forget(self, engine: Engine) -> None:
        """Drop what was learned of an engine that is about to go, all its orders being over."""
        with self._changed:
            self._room.forget(id(engine))
            self._tempo.forget(id(engine))
            for group in [one for one in self._stepped if one[0] == id(engine)]:
                del self._stepped[group]

    def close(self) -> None:
        """End both threads once what they do is done; orders under way are canceled."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        for ticket in self._under_way():
            self.cancel(ticket)
        self._beside.close()

    def _under_way(self) -> Sequence[Ticket]:
        with self._changed:
            return list(self._tickets)

    # ── beside the loop: encode and decode ──

    def _prepare(self, ticket: Ticket) -> None:
        ticket.listener.begun()
        rows = ticket.engine.prepare(ticket.order)
        with self._changed:
            ticket.rows, ticket.undecoded = rows, len(rows)
            if not ticket.over:
                self._active += [(ticket, row) for row in rows]
                self._changed.notify()
                return
        ticket.engine.cancel(rows)

    def _decode(self, ticket: Ticket, row: Row) -> None:
        self._guarded(ticket, self._hand_over, row, ticket.engine.decode(row))

    def _hand_over(self, ticket: Ticket, row: Row, picture: Picture) -> None:
        ticket.listener.made(row, picture)
        ticket.undecoded -= 1
        if not ticket.undecoded:
            self._end(ticket, None)

    def _guarded(self, ticket: Ticket, work: Callable[..., None], *of: object) -> None:
        """Do *work*; where there is no room for it, once more with the device to itself."""
        if ticket.over:
            return
        try:
            work(ticket, *of)
        except NoRoom:
            self._try_alone(ticket, work, *of)
        except BaseException as error:  # noqa: BLE001  # model code may raise anything
            self._end(ticket, error)

    def _try_alone(self, ticket: Ticket, work: Callable[..., None], *of: object) -> None:
        with self._changed:
            self._alone.append(lambda: self._last_try(ticket, work, *of))
            self._changed.notify()

    def _last_try(self, ticket: Ticket, work: Callable[..., None], *of: object) -> None:
        if ticket.over:
            return
        try:
            work(ticket, *of)
        except NoRoom as error:
            self._end(ticket, _lacking(error.part) if error.part else _too_large(ticket.order))
        except BaseException as error:  # noqa: BLE001  # model code may raise anything
            self._end(ticket, error)

    def _end(self, ticket: Ticket, error: BaseException | None) -> None:
        with self._changed:
            if ticket.over:
                return
            ticket.over = True
            self._tickets.discard(ticket)
            self._active = [one for one in self._active if one[0] is not ticket]
        if error is not None:
            # Whoever keeps the error would keep what the call had computed so far.
            traceback.clear_frames(error.__traceback__)
        try:
            ticket.engine.cancel(ticket.rows)
            ticket.listener.ended(error)
        except BaseException as fault:  # noqa: BLE001  # nobody is left who could be told
            traceback.print_exception(fault)

    # ── the loop ──

    def _run(self) -> None:
        self._active_at = self._clock()
        while not self._closed:
            try:
                self._turn()
            except BaseException as error:  # noqa: BLE001  # else all later orders would wait for ever
                self._broken(error)

    def _turn(self) -> None:
        """Wait for work and do a piece of it. Nothing of the last turn is held while it waits."""
        with self._changed:
            while not (self._closed or self._active or self._alone):
                self._changed.wait()
                self._active_at = self._clock()
            if self._closed:
                return
            alone = self._alone.popleft() if self._alone else None
            batch = [] if alone else self._choose()
        if alone is not None:
            with self._beside.resting():
                alone()
            return
        began_at = self._clock()
        self._step(batch)
        ended_at = self._clock()
        self.pace.note(len(batch), ended_at - began_at, ended_at - self._active_at)
        self._active_at = ended_at

    def _broken(self, error: BaseException) -> None:
        """End all orders, for nothing is known of them any more."""
        traceback.print_exception(error)
        with self._changed:
            self._alone.clear()
        for ticket in self._under_way():
            self._end(ticket, error)

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
        try:
            self._advance(batch)
        except NoRoom:
            self._refused(batch)
        except BaseException as error:  # noqa: BLE001  # model code may raise anything
            for ticket, _ in batch:
                self._end(ticket, error)

    def _advance(self, batch: Sequence[tuple[Ticket, Row]]) -> None:
        tickets = {id(row): ticket for ticket, row in batch}
        changes = self._beside.changes
        self._meter.begin()
        began_at = self._clock()
        batch[0][0].engine.step(
            [row for _, row in batch], lambda row: self._ticked(tickets[id(row)], row)
        )
        seconds, peak = self._clock() - began_at, self._meter.peak()
        for ticket, row in batch:
            if row.fault is not None:
                too_large = isinstance(row.fault, NoRoom)
                self._end(ticket, _too_large(row.order) if too_large else row.fault)
        alone = changes % 2 == 0 and changes == self._beside.changes
        self._learn(batch, peak, seconds, alone=alone)

    def _learn(
        self, batch: Sequence[tuple[Ticket, Row]], peak: int, seconds: float, *, alone: bool
    ) -> None:
        group, lanes = _group(*batch[0]), _lanes(batch)
        with self._changed:
            if any(ticket.over for ticket, _ in batch):
                return  # fewer rows may have been stepped, and their engine may be forgotten
            self._room.learned(group, lanes, peak, alone=alone)
            self._tempo.learned(group, lanes, seconds)

    def _ticked(self, ticket: Ticket, row: Row) -> None:
        try:
            ticket.listener.ticked(row)
        except BaseException as error:  # noqa: BLE001  # a listener's fault is its own order's end
            self._end(ticket, error)
            return
        if row.finished and not row.canceled:
            with self._changed:
                self._active = [one for one in self._active if one[1] is not row]
            self._beside.submit(lambda: self._guarded(ticket, self._decode, row))

    def _refused(self, batch: Sequence[tuple[Ticket, Row]]) -> None:
        if len(batch) == 1:
            ticket, row = batch[0]
            self._try_alone(ticket, self._advance_one, row)
            return
        with self._changed:
            self._room.refused(_group(*batch[0]), _lanes(batch))

    def _advance_one(self, ticket: Ticket, row: Row) -> None:
        self._advance([(ticket, row)])


def _group(ticket: Ticket, row: Row) -> Group:
    return id(ticket.engine), row.key


def _lanes(batch: Sequence[tuple[Ticket, Row]]) -> int:
    return sum(row.lanes for _, row in batch)


def _too_large(order: Order) -> RunFailed:
    return RunFailed(
        f"The device has too little memory for a picture of {order.width} x {order.height}. "
        "Ask for a smaller one."
    )


def _lacking(part: str) -> RunFailed:
    return RunFailed(f"The device has too little memory for {part}. Try again later.")
