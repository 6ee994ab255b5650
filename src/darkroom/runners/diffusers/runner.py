"""Satisfies `darkroom.ports.running.Runner`: a hosted model's inputs, made by the host's loop."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from darkroom.domain.errors import RunCanceled, RunFailed
from darkroom.engine.interface import Engine
from darkroom.engine.loop import Loop
from darkroom.engine.stepping import StepEngine
from darkroom.ports.running import Footprint, RunContext
from darkroom.protocol.messages import VersionSpec
from darkroom.runners.diffusers.inputs import Inputs, Plan, plan
from darkroom.runners.diffusers.making import Making
from darkroom.runners.diffusers.pictures import read_picture
from darkroom.runners.diffusers.setup import Setup, read_setup

_LOOK_SECONDS = 3600.0  # any length: a pause ends at once when its run is told to stop


class Shared(Protocol):
    """What the runners of a host share; see `darkroom.runners.diffusers.shared`."""

    loop: Loop

    def load(self, setup: Setup, log: Callable[[str], None]) -> tuple[StepEngine, Footprint]:
        """Load weights."""
        ...

    def unload(self, engine: StepEngine) -> None:
        """Give back what they took."""
        ...


class DiffusersRunner:
    """Serves one hosted model's inputs with one set of weights; runs share the denoiser's batch.

    Args:
        shared: the host's.
        draw_seed: a seed for a run that names none.
        clock: seconds that never jump.
    """

    def __init__(
        self, shared: Shared, *, draw_seed: Callable[[], int], clock: Callable[[], float]
    ) -> None:
        self._shared = shared
        self._draw_seed = draw_seed
        self._clock = clock
        self._loaded: tuple[Setup, StepEngine] | None = None

    async def setup(self, version: VersionSpec, log: Callable[[str], None]) -> Footprint:
        """Load the weights, making them first if they are `tiny`.

        Raises:
            WeightsUnavailable: they cannot be loaded; says what to do.
            InvalidSetting: the version's configuration makes no sense.
        """
        setup = read_setup(version.config)
        engine, footprint = await asyncio.to_thread(self._shared.load, setup, log)
        self._loaded = setup, engine
        return footprint

    async def run(self, context: RunContext) -> None:
        """Make the pictures and publish each as soon as it is decoded.

        Raises:
            RunFailed: an input is beyond what the model takes, or no picture came of it.
            RunCanceled: at once; what is being computed for it ends with the step.
        """
        if self._loaded is None:
            raise RunFailed("The model is not loaded.")
        setup, engine = self._loaded
        if context.canceled:
            raise RunCanceled("told to stop")
        made = await asyncio.to_thread(self._plan, setup, context)
        await self._made(engine, made, context)

    async def close(self) -> None:
        """Let the weights go."""
        if self._loaded is not None:
            _, engine = self._loaded
            self._loaded = None
            await asyncio.to_thread(self._shared.unload, engine)

    async def _made(self, engine: Engine, made: Plan, context: RunContext) -> None:
        ended = asyncio.get_running_loop().create_future()
        making = Making(engine, made, context, ended, self._clock)
        ticket = self._shared.loop.submit(engine, made.order, making)
        told = asyncio.ensure_future(_told_to_stop(context))
        try:
            await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            self._shared.loop.cancel(ticket)
        await ended

    def _plan(self, setup: Setup, context: RunContext) -> Plan:
        given = context.values.get("seed")
        seed = self._draw_seed() if given is None else int(given)
        context.log(f"Using seed: {seed}")
        inputs = Inputs(
            values=context.values,
            pictures={name: read_picture(name, file) for name, file in context.files.items()},
            seed=seed,
            family=setup.family,
            tiny=setup.weights is None,
        )
        if inputs.tiny:
            context.log("The weights are tiny and random: the picture is noise.")
        made = plan(setup.schema, inputs)
        for note in made.notes:
            context.log(note)
        return made


async def _told_to_stop(context: RunContext) -> None:
    """Return once *context* is told to stop."""
    try:
        while True:
            await context.pause(_LOOK_SECONDS)
    except RunCanceled:
        return
