"""Modules computed by OpenVINO on the CPU; what it cannot convert, PyTorch computes."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from darkroom.engine.backends.buckets import Bucketed
from darkroom.engine.backends.interface import Part, Tell, Trial
from darkroom.engine.backends.openvino_graphs import Graphs, numbers_in, plainly
from darkroom.engine.backends.openvino_library import (
    Array,
    Graph,
    Request,
    conversion_faults,
    library,
)

_HINTS = {torch.bfloat16: "bf16"}
"""Its processors have no float16; that is computed in float32."""

_WIDTHS = {"f32": 4, "bf16": 2}
"""Bytes of a number."""

_FAR = {"f32": 0.001, "bf16": 0.2}
"""Of the largest value: more is no rounding. Measured are 1.2e-5 and 0.04."""


class OpenVinoBackend:
    """Satisfies `darkroom.engine.backends.interface.Backend`.

    Args:
        dtype: that of the weights.
        tell: takes lines for the log.
        folder: where converted models are kept; None converts at every start.
        batches: of the denoiser, ascending; None takes rows as they come, at no cost.
        clock: seconds that never jump.

    Raises:
        InvalidSetting: OpenVINO is not installed.
    """

    def __init__(
        self,
        dtype: torch.dtype,
        tell: Tell,
        folder: Path | None,
        batches: Sequence[int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        openvino = library()
        self._core = openvino.Core()
        self._graphs = Graphs(openvino, self._core, folder, tell)
        self._dtype = dtype
        self._hint = _HINTS.get(dtype, "f32")
        self._tell = tell
        self._batches = batches
        self._clock = clock
        self.copied_bytes = 0

    def denoiser(self, call: nn.Module) -> Part:
        """Converted with its first inputs, which are the examples."""
        return Bucketed(_Lazy("denoiser", call, self._ready), self._batches)

    def part(self, name: str, call: nn.Module) -> Part:
        """Converted with its first inputs, which are the examples."""
        return Bucketed(_Lazy(name, call, self._ready), None)

    def warm(self, trial: Trial) -> None:
        """Convert every part, or find what was kept. What takes any shape takes one of any size."""
        trial(1, small=True)

    def _ready(self, name: str, call: nn.Module, inputs: Sequence[Tensor]) -> Callable[..., Tensor]:
        started = self._clock()
        try:
            graph, kept = self._graphs.find(call, inputs)
            computed = _Computed(self._compiled(graph), self._dtype)
            far = _distance(computed(*inputs), cast("Callable[..., Tensor]", call)(*inputs))
        except conversion_faults() as error:
            why = (str(error).strip() or type(error).__name__).splitlines()[-1]
            return self._refused(name, call, why)
        if not far < _FAR[self._hint]:  # what is no number is not below it either
            return self._refused(name, call, f"its result is {far:.2g} of the largest value away")
        self.copied_bytes += numbers_in(graph) * _WIDTHS[self._hint]
        did = "Read" if kept else "Converted"
        self._tell(f"{did} the {name} for OpenVINO in {self._clock() - started:.1f} s.")
        return computed

    def _compiled(self, graph: Graph) -> Request:
        config = {
            "INFERENCE_PRECISION_HINT": self._hint,
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "ENABLE_CPU_PINNING": False,  # other workers would be pinned to the same cores
            "NUM_STREAMS": 1,
        }
        return self._core.compile_model(graph, "CPU", config).create_infer_request()

    def _refused(self, name: str, call: nn.Module, why: str) -> nn.Module:
        self._tell(f"OpenVINO cannot compute the {name} ({why}); PyTorch computes it.")
        return call


class _Lazy:
    """A call that is made ready when its first inputs are known."""

    def __init__(
        self,
        name: str,
        call: nn.Module,
        ready: Callable[[str, nn.Module, Sequence[Tensor]], Callable[..., Tensor]],
    ) -> None:
        self._name = name
        self._call = call
        self._ready = ready
        self._computed: Callable[..., Tensor] | None = None
        self._alone = threading.Lock()  # a preview may be made while an order is taken in

    def __call__(self, *tensors: Tensor) -> Tensor:
        with self._alone:
            if self._computed is None:
                self._computed = self._ready(self._name, self._call, tensors)
            return self._computed(*tensors)


class _Computed:
    """One graph and the dtype that it stands for."""

    def __init__(self, request: Request, dtype: torch.dtype) -> None:
        self._request = request
        self._dtype = dtype

    def __call__(self, *tensors: Tensor) -> Tensor:
        arrays = [cast("Array", plainly(one).contiguous().numpy()) for one in tensors]
        answer = self._request.infer(arrays, share_inputs=True)[0]
        return torch.as_tensor(answer).to(self._dtype)


def _distance(given: Tensor, expected: Tensor) -> float:
    """The largest difference, as a part of the largest value."""
    largest = expected.float().abs().max().clamp(min=torch.finfo(torch.float32).tiny)
    return float((given.float() - expected.float()).abs().max() / largest)
