"""From what the operator set to a backend. OpenVINO is imported only when chosen."""

from darkroom.engine.backends.compiled import DEFAULT_BATCHES, CompiledBackend
from darkroom.engine.backends.eager import EagerBackend
from darkroom.engine.backends.interface import Backend, Tell
from darkroom.engine.backends.openvino import OpenVinoBackend
from darkroom.engine.device import Device
from darkroom.engine.settings import BackendChoice, EngineSettings


def make_backend(settings: EngineSettings, device: Device, tell: Tell) -> Backend:
    """What *settings* name, for weights on *device*.

    Args:
        settings: with rows to reproduce, every backend has that one size of batches.
        device: see `best_device`.
        tell: takes lines for the log of the model.

    Raises:
        InvalidSetting: what the backend needs is not installed.
    """
    fixed = (settings.reproducible_rows,) if settings.reproducible_rows else None
    asked = fixed or settings.batches or None
    match settings.backend:
        case BackendChoice.AUTO | BackendChoice.EAGER:
            return EagerBackend(tell, fixed)
        case BackendChoice.COMPILE:
            return CompiledBackend(tell, asked or DEFAULT_BATCHES)
        case BackendChoice.OPENVINO:
            return OpenVinoBackend(device.dtype, tell, settings.cache, asked)
