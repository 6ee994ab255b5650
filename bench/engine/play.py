"""Sends orders, and cancels them, at the steps that were asked for; keeps what became of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from bench.engine.asked import Came, Made, Wanted
from bench.engine.spans import Span, share


@dataclass(frozen=True, slots=True)
class Stepped:
    """Order *index* has taken a step."""

    index: int
    at: float


@dataclass(frozen=True, slots=True)
class Ended:
    """Order *index* has come with its pixels, or is gone without."""

    index: int
    at: float
    pixels: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the denoiser with the rows of *orders*, by the clock of the events."""

    began: float
    ended: float
    orders: frozenset[int]


class Runs(Protocol):
    """Whoever runs the orders, known by their indexes."""

    def send(self, index: int) -> None:
        """Start an order."""
        ...

    def cancel(self, index: int) -> None:
        """Ask for an order's end, which is told by an `Ended` without pixels."""
        ...

    def event(self) -> Stepped | Ended:
        """What happened next; waits for it. Raises what ended the running."""
        ...


@dataclass(slots=True)
class _Kept:
    wanted: Wanted
    sent_at: float | None = None
    step_at: list[float] = field(default_factory=list[float])
    canceled_at: float | None = None
    ended: Ended | None = None


class Play:
    """One call of `make` over an engine.

    Args:
        orders: the first is the one whose steps `after` of the others counts.
        runs: runs them.
        clock: that of the events, in seconds.
        sleep: waits for so many of them.
    """

    def __init__(
        self,
        orders: Sequence[Wanted],
        runs: Runs,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._runs, self._clock, self._sleep = runs, clock, sleep
        self._kept = [_Kept(wanted) for wanted in orders]

    def run(self) -> None:
        """Return when every order has ended."""
        self._act()
        while any(kept.ended is None for kept in self._kept):
            self._take(self._runs.event())
            self._act()

    def made(self, calls: Sequence[Call], peak_mb: float) -> Made:
        """What became of them all, once `run` has returned.

        Args:
            calls: all of the denoiser, in order; none if nobody knows.
            peak_mb: passed on.
        """
        ended = [kept.ended.at for kept in self._kept if kept.ended is not None]
        sent = [kept.sent_at for kept in self._kept if kept.sent_at is not None]
        computing = [(call.began, call.ended) for call in calls]
        return Made(
            seconds=max(ended) - min(sent),
            came=tuple(
                _came(kept, [call for call in calls if index in call.orders])
                for index, kept in enumerate(self._kept)
            ),
            busy=share(computing, self._active(computing)) if calls else None,
            ticks=tuple(to - since for since, to in computing),
            peak_mb=peak_mb,
        )

    def _take(self, event: Stepped | Ended) -> None:
        match event:
            case Stepped(index, at):
                self._kept[index].step_at.append(at)
            case Ended(index):
                self._kept[index].ended = event
            case _:
                assert_never(event)

    def _act(self) -> None:
        for index, kept in enumerate(self._kept):
            if kept.sent_at is None and self._due(kept.wanted):
                kept.sent_at = self._clock()
                self._runs.send(index)
            if kept.canceled_at is None and kept.ended is None and self._unwanted(kept):
                self._sleep(_half_a_step(kept))
                kept.canceled_at = self._clock()
                self._runs.cancel(index)

    def _due(self, wanted: Wanted) -> bool:
        return len(self._kept[0].step_at) >= wanted.after

    def _unwanted(self, kept: _Kept) -> bool:
        if kept.wanted.background:
            return all(one.ended for one in self._kept if not one.wanted.background)
        return 0 < kept.wanted.cancel_at <= len(kept.step_at)

    def _active(self, computing: Sequence[Span]) -> list[Span]:
        """From the start of the call that made an order's first step to the end of its last."""
        spans: list[Span] = []
        for kept in self._kept:
            if kept.step_at:
                begun = [began for began, _ in computing if began <= kept.step_at[0]]
                spans.append((max(begun, default=kept.step_at[0]), kept.step_at[-1]))
        return spans


def _half_a_step(kept: _Kept) -> float:
    """Who cancels knows nothing of steps: the moment should lie within one."""
    if kept.wanted.background or len(kept.step_at) < 2:
        return 0.0
    return (kept.step_at[-1] - kept.step_at[-2]) / 2


def _came(kept: _Kept, own: Sequence[Call]) -> Came:
    if kept.sent_at is None or kept.ended is None:
        raise RuntimeError(f"{kept.wanted} was not made")
    canceled_at = kept.canceled_at
    late = [one.ended for one in own if canceled_at is not None and one.ended > canceled_at]
    gone_at = max([kept.ended.at, *late])
    return Came(
        seconds=kept.ended.at - kept.sent_at,
        first=kept.step_at[0] - kept.sent_at if kept.step_at else 0.0,
        steps=len(kept.step_at),
        late_calls=len(late),
        late_seconds=0.0 if canceled_at is None else gone_at - canceled_at,
        pixels=kept.ended.pixels,
    )
