"""The most memory that a process has held, though the engine's own meter starts anew each turn."""

import os
from dataclasses import dataclass

import torch

from bench.processes import peak_mb
from darkroom.engine.meters import Meter

_MB = 1e6


@dataclass(slots=True)
class Peak:
    """The height so far, in MB: of what tensors hold on a CUDA device, else of this process."""

    cuda: bool
    _mb: float = 0.0

    def mb(self) -> float:
        """It includes what has been since the last look."""
        now = torch.cuda.max_memory_allocated() / _MB if self.cuda else peak_mb(os.getpid())
        self._mb = max(self._mb, now)
        return self._mb


class KeepingMeter:
    """Satisfies `darkroom.engine.meters.Meter`: looks at the peak before another forgets it."""

    def __init__(self, meter: Meter, peak: Peak) -> None:
        self._meter, self._peak = meter, peak

    @property
    def budget(self) -> int:
        return self._meter.budget

    def free(self) -> int | None:
        return self._meter.free()

    def begin(self) -> None:
        self._peak.mb()
        self._meter.begin()

    def peak(self) -> int:
        return self._meter.peak()
