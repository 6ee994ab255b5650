"""What the operator sets leads to who computes."""

from pathlib import Path

import pytest
import torch

from darkroom.engine.backends.choice import make_backend
from darkroom.engine.backends.compiled import CompiledBackend
from darkroom.engine.backends.eager import EagerBackend
from darkroom.engine.backends.openvino import OpenVinoBackend
from darkroom.engine.device import best_device
from darkroom.engine.settings import BackendChoice, EngineSettings


@pytest.mark.parametrize(
    ("backend", "kind"),
    [
        (BackendChoice.AUTO, EagerBackend),
        (BackendChoice.EAGER, EagerBackend),
        (BackendChoice.COMPILE, CompiledBackend),
        (BackendChoice.OPENVINO, OpenVinoBackend),
    ],
)
def test_each_choice_has_its_backend(backend: BackendChoice, kind: type, tmp_path: Path) -> None:
    settings = EngineSettings(backend=backend, cache=tmp_path)
    assert isinstance(make_backend(settings, best_device(settings), print), kind)


@pytest.mark.parametrize(
    ("settings", "batches"),
    [
        (EngineSettings(), None),
        (EngineSettings(batches=(1, 3)), None),
        (EngineSettings(backend=BackendChoice.COMPILE), (1, 2, 4, 8)),
        (EngineSettings(backend=BackendChoice.COMPILE, batches=(1, 3)), (1, 3)),
        (EngineSettings(backend=BackendChoice.OPENVINO), None),
        (EngineSettings(reproducible_rows=4), (4,)),
        (EngineSettings(backend=BackendChoice.COMPILE, batches=(1,), reproducible_rows=4), (4,)),
        (EngineSettings(backend=BackendChoice.OPENVINO, reproducible_rows=4), (4,)),
    ],
)
def test_rows_are_fixed_where_they_must_be(
    settings: EngineSettings, batches: tuple[int, ...] | None
) -> None:
    backend = make_backend(settings, best_device(settings), print)
    assert backend.denoiser(torch.nn.Identity()).batches == batches
