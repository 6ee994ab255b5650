"""The noise schedule of one row: a scheduler object of its own, and how far it is.

Multi-step solvers keep their history inside the scheduler, so no two rows share one.
"""

import inspect
from collections.abc import Mapping
from typing import cast

import numpy as np
from torch import Generator, Tensor

from darkroom.engine.edge import Scheduler, SchedulerKind


def fresh(kind: type, config: Mapping[str, object]) -> Scheduler:
    """A scheduler of *kind* without history, as *config* says; what it does not know is ignored."""
    return cast("SchedulerKind", kind).from_config(config)


class Schedule:
    """Steps through the timesteps of a scheduler from *first* on.

    Args:
        scheduler: its timesteps set; nobody else may use it.
        generator: draws the noise of samplers that add some at each step.
        first: how many of its timesteps are left out.
    """

    def __init__(
        self, scheduler: Scheduler, generator: Generator | None = None, *, first: int = 0
    ) -> None:
        self._scheduler = scheduler
        self._timesteps = scheduler.timesteps[first:]
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(first)
        known = inspect.signature(scheduler.step).parameters
        self._extra: Mapping[str, object] = (
            {"generator": generator} if generator is not None and "generator" in known else {}
        )
        self._done = 0

    @property
    def total(self) -> int:
        """How many steps there are."""
        return len(self._timesteps)

    @property
    def done(self) -> int:
        """How many have been taken."""
        return self._done

    @property
    def timestep(self) -> Tensor:
        """Of the next step: one number without a dimension."""
        return self._timesteps[self._done]

    def noised(self, latents: Tensor, noise: Tensor) -> Tensor:
        """*latents* with as much *noise* as the first step expects."""
        return self._scheduler.add_noise(latents, noise, self._timesteps[:1])

    def scaled(self, latents: Tensor) -> Tensor:
        """*latents* as the denoiser wants to see them at the next step."""
        if not hasattr(self._scheduler, "scale_model_input"):  # a straight flow has no need to
            return latents
        return self._scheduler.scale_model_input(latents, self.timestep)

    def advance(self, prediction: Tensor, latents: Tensor) -> Tensor:
        """Take the next step: the latents after it, in the dtype they came in."""
        stepped = self._scheduler.step(
            prediction, self.timestep, latents, return_dict=False, **self._extra
        )[0]
        self._done += 1
        return stepped.to(latents.dtype)


def flow(scheduler: Scheduler, steps: int, shift: float) -> Schedule:
    """A schedule of flow matching, such as FLUX has: *steps* from noise, bent by *shift*."""
    own = fresh(type(scheduler), scheduler.config)
    own.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps), mu=shift)
    return Schedule(own)
