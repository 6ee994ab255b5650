"""What the pipelines of FLUX share: every step of the schedule is run, and nothing is checked."""

from PIL.Image import Image
from torch import Tensor

from darkroom.engine.device import Device
from darkroom.engine.edge import Pipeline
from darkroom.engine.interface import Order


class Flux:
    """Runs orders on one loaded pipeline, one at a time."""

    def __init__(self, pipeline: Pipeline, device: Device) -> None:
        del device
        self._pipeline = pipeline

    def steps(self, order: Order) -> int:
        """How many steps are run."""
        return order.steps

    def flagged(self, image: Image, pixels: Tensor) -> bool:  # noqa: ARG002  # one signature for all
        """No checker comes with these weights."""
        return False
