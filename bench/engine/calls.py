"""When the denoiser computes: its calls are timed from outside, whichever backend makes them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bench.engine.play import Call

_MS = 1e-3


@dataclass(slots=True)
class CallLog:
    """The calls of one denoiser since `begin`.

    On a CUDA device a call returns before its arithmetic is done. There the device itself marks
    the moments, because to wait for it would slow the engine down.
    """

    cuda: bool
    _base_at: float = 0.0
    _base: torch.cuda.Event | None = None
    _times: list[tuple[float, float, int]] = field(default_factory=list[tuple[float, float, int]])
    _marks: list[tuple[torch.cuda.Event, torch.cuda.Event, int]] = field(
        default_factory=list[tuple[torch.cuda.Event, torch.cuda.Event, int]]
    )

    def begin(self) -> None:
        """Start anew."""
        self._times, self._marks = [], []
        if self.cuda:
            torch.cuda.synchronize()
            self._base, self._base_at = _mark(), time.perf_counter()

    def watched(self, denoiser: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """The same *denoiser*, with every call noted."""

        def call(*tensors: Tensor) -> Tensor:
            rows = len(tensors[0])
            if self.cuda:
                began = _mark()
                answer = denoiser(*tensors)
                self._marks.append((began, _mark(), rows))
                return answer
            began_at = time.perf_counter()
            answer = denoiser(*tensors)
            self._times.append((began_at, time.perf_counter(), rows))
            return answer

        return call

    def calls(self) -> list[Call]:
        """In order, once nobody calls any more."""
        if self._base is None:
            return [Call(began=began, ended=ended, rows=rows) for began, ended, rows in self._times]
        torch.cuda.synchronize()
        base, at = self._base, self._base_at
        return [
            Call(
                began=at + _MS * base.elapsed_time(began),
                ended=at + _MS * base.elapsed_time(ended),
                rows=rows,
            )
            for began, ended, rows in self._marks
        ]


def _mark() -> torch.cuda.Event:
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event
