"""When the denoiser computes: its calls are timed from outside, whoever makes them."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Protocol, cast

import torch
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_flux2 import Flux2Transformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from bench.engine.spans import Span

_DENOISERS = (UNet2DConditionModel, FluxTransformer2DModel, Flux2Transformer2DModel)


class _Forward(Protocol):
    forward: Callable[..., object]


class Calls:
    """The spans of all calls of denoisers in this process since `forget`."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        for kind in _DENOISERS:
            self._watch(cast("_Forward", kind))

    def forget(self) -> None:
        """Start anew."""
        self.spans = []

    def _watch(self, kind: _Forward) -> None:
        forward = kind.forward

        @wraps(forward)
        def timed(*given: object, **named: object) -> object:
            began = time.perf_counter()
            answer = forward(*given, **named)
            if torch.cuda.is_available():
                torch.cuda.synchronize()  # or the call ends before its arithmetic
            self.spans.append((began, time.perf_counter()))
            return answer

        kind.forward = timed
