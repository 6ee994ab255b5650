"""Satisfies `darkroom.ports.running.Runner`: a hosted model's inputs, made by the host's loop."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from darkroom.domain.errors import RunCanceled, RunFailed
from darkroom.engine.device import give_memory_back
from darkroom.engine.loop import Loop
from darkroom.engine.stepping import StepEngine
from darkroom.ports.running import Footprint, RunContext
from darkroom.protocol.messages import VersionSpec
from darkroom.runners.diffusers.checking import checking
from darkroom.runners.diffusers.inputs import Inputs, Plan, plan
from darkroom.runners.diffusers.making import Making
from darkroom.runners.diffusers.pictures import read_picture
from darkroom.runners.diffusers.safety_setup import Safety
from darkroom.runners.diffusers.setup import Setup, read_setup

_Made = TypeVar("_Made")

_LOOK_SECONDS = 3600.0  # any length: a pause ends at once when its run is told to stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A version that is ready to run."""

    setup: Setup
    engine: StepEngine
    safety: Safety
    footprint: Footprint


class Shared(Protocol):
    """What the runners of a host share; see `darkroom.runners.diffusers.shared`."""

    loop: Loop

    def load(self, setup: Setup, config: Mapping[str, str], log: Callable[[str], None]) -> Loaded:
        """Load what a version's configuration names."""
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
        self._loaded: Loaded | None = None

    async def setup(self, version: VersionSpec, log: Callable[[str], None]) -> Footprint:
        """Load the weights, making them first if they are `tiny`.

        Raises:
            WeightsUnavailable: they cannot be loaded; says what to do.
            InvalidSetting: the version's configuration makes no sense.
        """
        setup = read_setup(version.config)
        self._loaded = await asyncio.to_thread(self._shared.load, setup, version.config, log)
        return self._loaded.footprint

    async def run(self, context: RunContext) -> None:
        """Make the pictures and publish each as soon as it is decoded.

        Raises:
            RunFailed: an input is beyond what the model takes, or no picture came of it.
            RunCanceled: at once; what is being computed for it ends with the step.
        """
        loaded = self._loaded
        if loaded is None:
            raise RunFailed("The model is not loaded.")
        if context.canceled:
            raise RunCanceled("told to stop")
        told = asyncio.ensure_future(_told_to_stop(context))
        ended = asyncio.get_running_loop().create_future()
        try:
            reading = asyncio.to_thread(self._making, loaded, context, ended)
            making = await _unless(told, reading)
            ticket = self._shared.loop.submit(loaded.engine, making.order, making)
            try:
                await _unless(told, ended)
            finally:
                self._shared.loop.cancel(ticket)
        finally:
            told.cancel()

    async def close(self) -> None:
        """Let the weights go, with all that a setup that failed has left."""
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            self._shared.loop.forget(loaded.engine)
        del loaded  # memory that is still referred to is not given back
        await asyncio.to_thread(give_memory_back)

    def _making(self, loaded: Loaded, context: RunContext, ended: asyncio.Future[None]) -> Making:
        """Read the inputs and look at them; blocking."""
        inputs = self._inputs(loaded.setup, context)
        made = _planned(loaded.setup, inputs, context)
        checks = checking(
            loaded.setup.schema, loaded.safety, context.values, inputs.pictures, context.log
        )
        return Making(
            loaded.engine, made, checks, context, ended, self._shared.loop.beside, self._clock
        )

    def _inputs(self, setup: Setup, context: RunContext) -> Inputs:
        given = context.values.get("seed")
        seed = self._draw_seed() if given is None else int(given)
        context.log(f"Using seed: {seed}")
        return Inputs(
            values=context.values,
            pictures={name: read_picture(name, file) for name, file in context.files.items()},
            seed=seed,
            family=setup.family,
            tiny=setup.weights is None,
        )


def _planned(setup: Setup, inputs: Inputs, context: RunContext) -> Plan:
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


async def _unless(told: asyncio.Future[None], work: Awaitable[_Made]) -> _Made:
    """What *work* gives; nobody waits for it any longer once *told* is over.

    Raises:
        RunCanceled: *told* was over first.
    """
    doing = asyncio.ensure_future(work)
    try:
        await asyncio.wait({doing, told}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise RunCanceled("told to stop")
        return doing.result()
    finally:
        doing.cancel()
