"""When the denoiser computes: its calls are timed from outside, whichever backend makes them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor

from bench.engine.play import Call

_MS = 1e-3
_When = TypeVar("_When")
_Noted: TypeAlias = tuple[_When, _When, frozenset[int]]


@dataclass(slots=True)
class CallLog:
    """The calls of one denoiser since `begin`.

    On a CUDA device a call returns before its arithmetic is done. There the device itself marks
    the moments, because to wait for it would slow the engine down.

    Args:
        cuda: whether it computes there.
        orders: whose rows the next call has; set by who makes it.
    """

    cuda: bool
    orders: frozenset[int] = frozenset()
    _base_at: float = 0.0
    _base: torch.cuda.Event | None = None
    _times: list[_Noted[float]] = field(default_factory=list[_Noted[float]])
    _marks: list[_Noted[torch.cuda.Event]] = field(default_factory=list[_Noted[torch.cuda.Event]])

    def begin(self) -> None:
        """Start anew."""
        self._times, self._marks = [], []
        if self.cuda:
            torch.cuda.synchronize()
            self._base, self._base_at = _mark(), time.perf_counter()

    def watched(self, denoiser: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """The same *denoiser*, with every call noted."""

        def call(*tensors: Tensor) -> Tensor:
            if self.cuda:
                began = _mark()
                answer = denoiser(*tensors)
                self._marks.append((began, _mark(), self.orders))
                return answer
            began_at = time.perf_counter()
            answer = denoiser(*tensors)
            self._times.append((began_at, time.perf_counter(), self.orders))
            return answer

        return call

    def calls(self) -> list[Call]:
        """In order, once nobody calls any more."""
        base, at = self._base, self._base_at
        if base is None:
            return [
                Call(began=one, ended=other, orders=orders) for one, other, orders in self._times
            ]
        torch.cuda.synchronize()
        return [
            Call(
                began=at + _MS * base.elapsed_time(one),
                ended=at + _MS * base.elapsed_time(other),
                orders=orders,
            )
            for one, other, orders in self._marks
        ]


def _mark() -> torch.cuda.Event:
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event
