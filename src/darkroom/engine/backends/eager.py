"""Modules computed by PyTorch as they are."""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import nn

from darkroom.engine.backends.buckets import Bucketed
from darkroom.engine.backends.interface import Part, Tell, Trial


class EagerBackend:
    """Satisfies `darkroom.engine.backends.interface.Backend`.

    Args:
        tell: takes lines for the log, of which there are none.
        batches: of the denoiser, ascending; None takes rows as they come.
    """

    def __init__(self, tell: Tell, batches: Sequence[int] | None = None) -> None:
        del tell
        self._batches = batches

    def denoiser(self, call: nn.Module) -> Part:
        """The module itself; its convolutions change their place in memory."""
        return Bucketed(channels_last(call), self._batches)

    def part(self, name: str, call: nn.Module) -> Part:  # noqa: ARG002  # there is nothing to tell
        """The module itself; its convolutions change their place in memory."""
        return Bucketed(channels_last(call), None)

    def warm(self, trial: Trial) -> None:
        """Nothing is to be compiled."""


def channels_last(call: nn.Module) -> nn.Module:
    """Lay the weights of convolutions out as processors and cards compute them best.

    Measured on a CPU, full size: a VAE takes 8 % less in float32 and 22 % less in bfloat16, a UNet
    the same and 6 % less.
    """
    move = cast("Callable[..., nn.Module]", call.to)
    return move(memory_format=torch.channels_last)
