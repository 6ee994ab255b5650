"""One run while the loop makes it: progress, previews, pictures, and how it ended."""

import asyncio
from collections.abc import Callable

from darkroom.domain.errors import RunCanceled, RunFailed
from darkroom.engine.interface import Engine, Order, Picture, Row
from darkroom.ports.running import RunContext
from darkroom.runners.diffusers.checking import Checking
from darkroom.runners.diffusers.inputs import Plan
from darkroom.runners.diffusers.progress import Progress

PREVIEW_SECONDS = 0.5


class Making:
    """Satisfies `darkroom.engine.loop.Listener`; most calls come in the loop's threads.

    Args:
        engine: makes it.
        plan: what is made.
        checks: decides which pictures may be shown.
        context: takes logs, previews and files.
        ended: of the event loop this is made in; set at the end.
        beside: does a piece of work that the denoiser need not wait for.
        clock: seconds that never jump.
    """

    def __init__(
        self,
        engine: Engine,
        plan: Plan,
        checks: Checking,
        context: RunContext,
        ended: asyncio.Future[None],
        beside: Callable[[Callable[[], None]], None],
        clock: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._plan = plan
        self._checks = checks
        self._context = context
        self._ended = ended
        self._beside = beside
        self._clock = clock
        self._event_loop = ended.get_loop()
        self._progress = Progress(context.log, clock)
        self._shown_at: float | None = None
        self._showing = False
        self._decoded: dict[int, Picture] = {}
        self._next = 0

    @property
    def order(self) -> Order:
        """What the engine is asked for."""
        return self._plan.order

    def begun(self) -> None:
        """Look at the pictures that were sent.

        Raises:
            RunFailed: they may not be used.
            RunCanceled: the run has been told to stop.
            NoRoom: the device has no room for the checker.
        """
        self._stop_if_canceled()
        self._checks.inputs()

    def ticked(self, row: Row) -> None:
        """Tell how far the first picture is, and at its first step what of the order is lost.

        It is shown to whoever looks on.

        Raises:
            RunCanceled: the run has been told to stop.
        """
        if row.index == 0:
            for note in row.notes if row.done == 1 else ():
                self._context.log(note)
            self._progress.tell(row.done, row.total)
            self._show_if_due(row)
        self._stop_if_canceled()

    def made(self, row: Row, picture: Picture) -> None:
        """Publish pictures in order, as far as they are there.

        Raises:
            RunCanceled: the run has been told to stop.
            NoRoom: the device has no room for the checker; it may be called again.
        """
        self._stop_if_canceled()
        self._decoded[row.index] = picture
        while (due := self._decoded.get(self._next)) is not None:
            self._publish(self._next, due)
            del self._decoded[self._next]
            self._next += 1

    def ended(self, error: BaseException | None) -> None:
        """Wake the run."""
        if error is None:
            try:
                self._context.metric("image_count", self._checks.end())
            except Exception as none:  # noqa: BLE001  # the run must hear of it, whatever it is
                error = none
        self._event_loop.call_soon_threadsafe(_settle, self._ended, error)

    def _stop_if_canceled(self) -> None:
        if self._context.canceled:
            raise RunCanceled("told to stop")

    def _show_if_due(self, row: Row) -> None:
        now = self._clock()
        due = self._shown_at is None or now - self._shown_at >= PREVIEW_SECONDS
        looked_at = self._checks.previews and self._context.watched
        if due and looked_at and not self._showing:
            self._shown_at, self._showing = now, True
            self._beside(lambda: self._show(row))

    def _show(self, row: Row) -> None:
        try:
            shown = self._engine.preview(row)
            if shown is not None:
                self._context.preview(shown.width, shown.height, shown.rgb)
        except Exception as error:  # noqa: BLE001  # no preview is worth a run
            self._context.log(f"There are no previews of this run: {error}")
        else:
            self._showing = False

    def _publish(self, index: int, picture: Picture) -> None:
        if not self._checks.output(picture, index):
            return
        stem = f"out-{index}" if self._plan.listed else "output"
        encoding = self._plan.encoding
        data = encoding.encode(picture.image)
        self._context.output_file(f"{stem}.{encoding.format}", encoding.content_type, data)


def _settle(ended: asyncio.Future[None], error: BaseException | None) -> None:
    if ended.done():
        return
    if error is None:
        ended.set_result(None)
    elif isinstance(error, Exception) and not isinstance(error, StopIteration):
        ended.set_exception(error)
    else:  # no future takes it, or it would end the host
        ended.set_exception(RunFailed(f"The model's code gave up: {error!r}"))
