"""Satisfies `darkroom.ports.running.Runner` with an engine and one thread that it belongs to."""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from darkroom.domain.errors import RunCanceled, RunFailed
from darkroom.engine.device import best_device, compute_alone, give_memory_back
from darkroom.engine.interface import Engine, Row
from darkroom.engine.loading import load_engine
from darkroom.engine.tiny import tiny_weights
from darkroom.ports.running import RunContext
from darkroom.protocol.messages import VersionSpec
from darkroom.runners.diffusers.inputs import Inputs, Plan, plan
from darkroom.runners.diffusers.pictures import read_picture
from darkroom.runners.diffusers.progress import Progress
from darkroom.runners.diffusers.setup import Setup, read_setup

_RANDOM_SEEDS = 2**16  # as the hosted models draw them


class DiffusersRunner:
    """Serves one hosted model's inputs with a diffusers pipeline; runs go one after the other.

    Args:
        draw_seed: a seed for a run that names none.
        clock: seconds that never jump.
    """

    def __init__(
        self,
        draw_seed: Callable[[], int] = lambda: secrets.randbelow(_RANDOM_SEEDS),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._draw_seed = draw_seed
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "diffusers")
        self._loaded: tuple[Setup, Engine] | None = None

    async def setup(self, version: VersionSpec, log: Callable[[str], None]) -> None:
        """Load the weights, making them first if they are `tiny`.

        Raises:
            WeightsUnavailable: they cannot be loaded; says what to do.
            InvalidSetting: the version's configuration makes no sense.
        """
        setup = read_setup(version.config)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._load, setup, log)

    async def run(self, context: RunContext) -> None:
        """Make the pictures and publish each as soon as it is decoded.

        Raises:
            RunFailed: an input is beyond what the model takes, or no picture came of it.
            RunCanceled: within one denoising step.
        """
        await asyncio.get_running_loop().run_in_executor(self._thread, self._run, context)

    async def close(self) -> None:
        """Wait for the run in progress, then let the weights go."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._unload)
        self._thread.shutdown()

    def _load(self, setup: Setup, log: Callable[[str], None]) -> None:
        started, device = self._clock(), best_device()
        if setup.weights is None:
            compute_alone()
        folder = setup.weights or tiny_weights(setup.family, setup.tiny_folder)
        self._loaded = (setup, load_engine(setup.family, setup.sources(folder), device))
        seconds = self._clock() - started
        log(f"Loaded {setup.family} on {device.description} in {seconds:.1f} s.")

    def _unload(self) -> None:
        self._loaded = None
        give_memory_back()

    def _run(self, context: RunContext) -> None:
        if self._loaded is None:
            raise RunFailed("The model is not loaded.")
        setup, engine = self._loaded
        _stop_if_canceled(context)
        made = self._plan(setup, context)
        rows = engine.prepare(made.order)
        try:
            _denoise(engine, rows, context, Progress(context.log, self._clock))
            _publish(engine, rows, context, made)
        finally:
            engine.cancel(rows)

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


def _denoise(engine: Engine, rows: Sequence[Row], context: RunContext, progress: Progress) -> None:
    def ticked(row: Row) -> None:
        if row is rows[0]:
            progress.tell(row.done, row.total)
        if context.canceled:
            engine.cancel(rows)

    while not all(row.finished for row in rows):
        _stop_if_canceled(context)
        engine.step(rows, ticked)
        if any(row.canceled for row in rows):
            raise RunCanceled


def _publish(engine: Engine, rows: Sequence[Row], context: RunContext, made: Plan) -> None:
    count = 0
    for row in rows:
        _stop_if_canceled(context)
        picture = engine.decode(row)
        if picture.flagged:
            context.log(f"NSFW content detected in picture {row.index}; it is left out.")
            continue
        stem = f"out-{row.index}" if made.listed else "output"
        encoding = made.encoding
        data = encoding.encode(picture.image)
        context.output_file(f"{stem}.{encoding.format}", encoding.content_type, data)
        count += 1
    if not count:
        raise RunFailed("NSFW content detected. Try running it again, or try a different prompt.")
    context.metric("image_count", count)


def _stop_if_canceled(context: RunContext) -> None:
    if context.canceled:
        raise RunCanceled
