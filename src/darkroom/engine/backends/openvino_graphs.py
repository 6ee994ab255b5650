"""Modules of PyTorch to graphs of OpenVINO, each converted once and kept in a folder.

A graph takes and gives float32 and int64 only, for numpy has no bfloat16; inside, it computes as
the module does. It takes inputs of any shape: a model compiled for fixed shapes is at most 4 %
faster (measured), but each shape costs the memory of the weights once more.
"""

import hashlib
import math
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from darkroom.engine.backends.interface import Tell
from darkroom.engine.backends.openvino_library import Core, Graph, Library

RECIPE = 1
"""Raise it when the conversion changes, so that graphs kept before are not used."""

_FEWEST_ROWS = 2
"""In the example that is traced; of a single row it might be taken for granted."""


class Plain(nn.Module):
    """A call that takes float32 and int64 for whatever it was made for, and gives float32."""

    def __init__(self, call: nn.Module, dtypes: Sequence[torch.dtype]) -> None:
        super().__init__()
        self.call = call
        self.dtypes = tuple(dtypes)

    def forward(self, *tensors: Tensor) -> Tensor:
        """Compute as the call does."""
        call = cast("Callable[..., Tensor]", self.call)
        return call(
            *[one.to(dtype) for one, dtype in zip(tensors, self.dtypes, strict=True)]
        ).float()


class Graphs:
    """Converts, keeps and finds graphs.

    Args:
        library: see `openvino_library.library`.
        core: of that library.
        folder: made when first needed; None keeps nothing.
        tell: takes lines for the log.
    """

    def __init__(self, library: Library, core: Core, folder: Path | None, tell: Tell) -> None:
        self._library = library
        self._core = core
        self._folder = folder
        self._tell = tell

    def find(self, call: nn.Module, inputs: Sequence[Tensor]) -> tuple[Graph, bool]:
        """The graph of *call* for inputs of those types, and whether it was kept from before.

        Raises:
            Exception: one of `openvino_library.conversion_faults`, if it cannot be converted.
        """
        if self._folder is None:
            return self._converted(call, inputs), False
        kept = self._folder / self._digest(call, inputs)
        known = self._read(kept)
        return (known, True) if known is not None else (self._made(call, inputs, kept), False)

    def _read(self, kept: Path) -> Graph | None:
        if not kept.exists():
            return None
        try:
            return self._core.read_model(str(kept / "model.xml"))
        except RuntimeError:  # torn, as by a crash of the machine
            shutil.rmtree(kept, ignore_errors=True)
            return None

    def _made(self, call: nn.Module, inputs: Sequence[Tensor], kept: Path) -> Graph:
        graph = self._converted(call, inputs)
        try:
            self._keep(graph, kept)
        except (OSError, RuntimeError) as error:
            why = (str(error).strip() or type(error).__name__).splitlines()[-1]
            self._tell(
                f"What OpenVINO converts cannot be kept in {self._folder} ({why}); "
                "it is converted again at the next start."
            )
            return graph
        return self._core.read_model(str(kept / "model.xml"))

    def _converted(self, call: nn.Module, inputs: Sequence[Tensor]) -> Graph:
        # Weights in bfloat16 that are laid out channels-last would be read in the wrong order.
        for weights in (*call.parameters(), *call.buffers()):
            weights.data = weights.data.contiguous()
        plain = Plain(call, [one.dtype for one in inputs]).eval()
        with torch.inference_mode(mode=False), torch.no_grad(), warnings.catch_warnings():
            # Branches on shapes that a trace takes for granted are the same for all shapes we have.
            warnings.simplefilter("ignore")
            example = tuple(torch.cat([plainly(one)] * _FEWEST_ROWS) for one in inputs)
            return self._library.convert_model(plain, example_input=example)

    def _keep(self, graph: Graph, folder: Path) -> None:
        """Write it; other processes see nothing of it or all."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as making:
            made = Path(making) / "graph"
            made.mkdir()
            self._library.save_model(graph, str(made / "model.xml"), compress_to_fp16=False)
            try:
                os.rename(made, folder)
            except OSError:
                if not folder.exists():
                    raise
                shutil.rmtree(made)  # another process was first; its graph is the same

    def _digest(self, call: nn.Module, inputs: Sequence[Tensor]) -> str:
        """Of whatever the graph follows from: code, by its versions, and every weight."""
        made_by = [version(name) for name in ("torch", "diffusers", "transformers")]
        told = [RECIPE, self._library.__version__, made_by, type(call).__name__, repr(call)]
        told += [getattr(child, "config", None) for child in call.children()]
        told += [one.dtype for one in inputs]
        digest = hashlib.sha256(repr(told).encode())
        for name, weights in cast("dict[str, Tensor]", call.state_dict()).items():
            digest.update(f"{name} {weights.dtype} {tuple(weights.shape)}".encode())
            digest.update(_bytes(weights))
        return digest.hexdigest()[:32]


def plainly(tensor: Tensor) -> Tensor:
    """float32 or int64, as a graph takes it."""
    return tensor.float() if tensor.is_floating_point() else tensor.to(torch.int64)


def numbers_in(graph: Graph) -> int:
    """How many numbers its weights are, all constants counted."""
    constants = [one for one in graph.get_ops() if one.get_type_name() == "Constant"]
    return sum(math.prod(one.get_output_shape(0)) for one in constants)


def _bytes(weights: Tensor) -> memoryview:
    return cast("memoryview", weights.contiguous().flatten().view(torch.uint8).numpy())
