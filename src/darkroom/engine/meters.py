"""How much memory there is, and how much a piece of work takes at its height."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import torch

SHARE_OF_CARD = 0.95
SHARE_OF_MACHINE = 0.8
WEIGHTS_SHARE = 0.85
"""Of the budget; the rest is for rows."""

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class Meter(Protocol):
    """The memory of one device, in bytes."""

    @property
    def budget(self) -> int:
        """How much may be used in all; 0 if nobody knows."""
        ...

    def free(self) -> int | None:
        """How much of it is left now; None if nobody knows."""
        ...

    def begin(self) -> None:
        """Start to watch."""
        ...

    def peak(self) -> int:
        """How much more than at `begin` was in use at the height since."""
        ...


class CudaMeter:
    """Satisfies `Meter` for one card; what other processes use there is left to them.

    Args:
        device: of torch.
        budget: 0 takes nearly all that the card has.
    """

    def __init__(self, device: torch.device, budget: int = 0) -> None:
        self._device = device
        total = torch.cuda.mem_get_info(device)[1]
        self.budget = budget or int(SHARE_OF_CARD * total)
        self._begun = 0

    def free(self) -> int | None:
        """What the budget leaves beside what is allocated, or the driver has, if that is less."""
        used = torch.cuda.memory_allocated(self._device)
        unused = torch.cuda.memory_reserved(self._device) - used
        return max(0, min(self.budget - used, torch.cuda.mem_get_info(self._device)[0] + unused))

    def begin(self) -> None:
        """Forget the height so far."""
        torch.cuda.reset_peak_memory_stats(self._device)
        self._begun = torch.cuda.memory_allocated(self._device)

    def peak(self) -> int:
        """As the allocator of torch counts."""
        return max(0, torch.cuda.max_memory_allocated(self._device) - self._begun)


class ProcessMeter:
    """Satisfies `Meter` for what this process has of the machine; Linux only.

    Args:
        budget: 0 takes most of what the machine or the container has.
    """

    def __init__(self, budget: int = 0) -> None:
        self.budget = budget or int(SHARE_OF_MACHINE * _machine_bytes())
        self._begun = 0

    def free(self) -> int | None:
        """What the budget leaves beside what is resident."""
        return max(0, self.budget - _status("VmRSS:"))

    def begin(self) -> None:
        """Forget the height so far."""
        _RESET.write_text("5", "ascii")
        self._begun = _status("VmRSS:")

    def peak(self) -> int:
        """As the kernel counts; what other threads take at the same time counts too."""
        return max(0, _status("VmHWM:") - self._begun)


class NoMeter:
    """Satisfies `Meter` where nothing can be measured: only what is refused sets limits."""

    budget = 0

    def free(self) -> int | None:
        """Nobody knows."""
        return None

    def begin(self) -> None:
        """Nothing to watch."""

    def peak(self) -> int:
        """Nobody knows."""
        return 0


def bytes_of(modules: Iterable[torch.nn.Module]) -> int:
    """What the weights of *modules* occupy of their device."""
    tensors = [tensor for one in modules for tensor in (*one.parameters(), *one.buffers())]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def meter_of(device: torch.device, budget: int = 0) -> Meter:
    """What measures *device*; *budget* in bytes, 0 takes what there is."""
    if device.type == "cuda":
        return CudaMeter(device, budget)
    return ProcessMeter(budget) if os.access(_RESET, os.W_OK) else NoMeter()


def _machine_bytes() -> int:
    """What the machine has, or the container, if that is less."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _LIMITS:
        text = path.read_text("ascii").strip() if path.is_file() else ""
        found += [int(text)] if text.isdecimal() else []
    return min(found)


def _status(name: str) -> int:
    """A number of kB that the kernel tells of this process, in bytes."""
    lines = _STATUS.read_text("ascii", "replace").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), 0)
