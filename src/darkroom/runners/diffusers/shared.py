"""What all models of one host share: the device, its memory and the loop that makes pictures."""

import os
import secrets
import time
from collections.abc import Callable, Mapping

import torch

from darkroom.domain.errors import WeightsUnavailable
from darkroom.engine.backends.choice import make_backend
from darkroom.engine.device import best_device, compute_alone
from darkroom.engine.edge import quieten
from darkroom.engine.interface import NoRoom
from darkroom.engine.loading import load_engine
from darkroom.engine.loop import Loop
from darkroom.engine.meters import WEIGHTS_SHARE, meter_of
from darkroom.engine.settings import read_settings
from darkroom.engine.tiny import tiny_weights
from darkroom.engine.warming import warm
from darkroom.ports.running import Footprint
from darkroom.runners.diffusers.runner import DiffusersRunner, Loaded
from darkroom.runners.diffusers.safety_setup import load_safety
from darkroom.runners.diffusers.setup import Setup

RANDOM_SEEDS = 2**16  # as the hosted models draw them


class Diffusers:
    """Satisfies `darkroom.ports.running.RunnerKind`: one for each host.

    Args:
        environment: holds the `DARKROOM_ENGINE_…` that the worker passes on.
        draw_seed: a seed for a run that names none.
        clock: seconds that never jump.
    """

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        draw_seed: Callable[[], int] = lambda: secrets.randbelow(RANDOM_SEEDS),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        quieten()
        self._settings = read_settings(environment)
        self._draw_seed = draw_seed
        self._clock = clock
        self._threads = torch.get_num_threads()  # before tiny weights set another number
        self._device = best_device(self._settings)
        self._meter = meter_of(self._device.torch_device, self._settings.memory_bytes)
        self.loop = Loop(self._meter, clock)

    def runner(self) -> DiffusersRunner:
        """A runner for one version."""
        return DiffusersRunner(self, draw_seed=self._draw_seed, clock=self._clock)

    def load(self, setup: Setup, config: Mapping[str, str], log: Callable[[str], None]) -> Loaded:
        """Load what *setup* names, making tiny weights first if it names none; blocking.

        Args:
            setup: as read from *config*.
            config: of the version; names the checkers too.
            log: takes lines.

        Raises:
            WeightsUnavailable: they cannot be loaded; says what to do.
            InvalidSetting: they cannot be computed as the operator's settings say.
        """
        started = self._clock()
        tiny = setup.weights is None
        if tiny:
            compute_alone()
        # The small ones first: they may fail.
        safety = load_safety(config, self._device.torch_device)
        folder = setup.weights or tiny_weights(setup.family, setup.tiny_folder)
        backend = make_backend(self._settings, self._device, log)
        threads = 1 if tiny else self._threads
        sources = setup.sources(folder)
        engine = load_engine(setup.family, sources, self._device, backend, threads=threads)
        try:
            warm(engine, setup.family, backend)
        except NoRoom as error:
            raise WeightsUnavailable(
                "The device is out of memory: the model was loaded, and no room was left for a "
                "picture. Choose smaller weights, or a larger device."
            ) from error
        seconds = self._clock() - started
        log(f"Loaded {setup.family} on {self._device.description} in {seconds:.1f} s.")
        checker_bytes = safety.checker.weights_bytes if safety.checker else 0
        taken = engine.weights_bytes + backend.copied_bytes + checker_bytes
        footprint = Footprint(taken, int(WEIGHTS_SHARE * self._meter.budget))
        return Loaded(setup=setup, engine=engine, safety=safety, footprint=footprint)

    def close(self) -> None:
        """End the loop; blocking. A host ends without it."""
        self.loop.close()
