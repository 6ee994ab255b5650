"""Replicate's JSON: every spelling of a prediction on the wire lives here.

Source: Replicate's HTTP API reference and recorded exchanges of replicate/replicate-python.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import msgspec

from darkroom.domain import training
from darkroom.domain.errors import FileMissing, NotFound
from darkroom.domain.ids import VersionId
from darkroom.domain.model import Json, Model, OutputKind, Version
from darkroom.domain.prediction import (
    InputFile,
    OutputItem,
    Prediction,
    Shape,
    Status,
    StoredFile,
)
from darkroom.http.answers import Site
from darkroom.http.times import iso
from darkroom.ports.files import Blobs
from darkroom.service import data_urls
from darkroom.service.capabilities import Capabilities
from darkroom.service.catalogue import Catalogue
from darkroom.service.spool import INPUT_ATTEMPT, Spool

HIDDEN = "hidden"  # the version of a model that is called by its name alone
_encode = msgspec.json.encode
_metrics = msgspec.json.Decoder(dict[str, int | float]).decode
NULL = msgspec.Raw(b"null")


class Urls(msgspec.Struct, frozen=True):
    """Where a prediction can be got, canceled, followed and looked at."""

    cancel: str
    get: str
    stream: str | msgspec.UnsetType  # trainings have none
    web: str


class WirePrediction(msgspec.Struct, frozen=True, kw_only=True):
    """A prediction as the API shows it; every documented key is always there."""

    id: str
    model: str
    version: str
    input: msgspec.Raw
    logs: str
    output: msgspec.Raw
    data_removed: bool
    error: str | None
    status: str
    created_at: str
    started_at: str | None
    completed_at: str | None
    metrics: dict[str, int | float]
    source: str
    deployment: str | msgspec.UnsetType = msgspec.UNSET
    deadline: str | msgspec.UnsetType = msgspec.UNSET
    webhook: str | msgspec.UnsetType = msgspec.UNSET
    webhook_events_filter: Sequence[str] | msgspec.UnsetType = msgspec.UNSET
    webhook_completed: msgspec.UnsetType | None = msgspec.UNSET
    urls: Urls


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """Turns predictions into what clients see.

    Args:
        echo_limit_bytes: a spooled input longer than this is shown as our own URL.
        inline_limit_bytes: the most bytes of outputs put into one blocking answer.
        show_aborted: spell `aborted` as such; most clients are older than that word, and would
            refuse it or poll for ever, so that otherwise it reads `canceled`.
    """

    capabilities: Capabilities
    catalogue: Catalogue
    blobs: Blobs
    spool: Spool
    echo_limit_bytes: int
    inline_limit_bytes: int
    show_aborted: bool = False

    async def prediction(
        self,
        prediction: Prediction,
        site: Site,
        *,
        timed_out: bool = False,
        inline: bool = False,
    ) -> WirePrediction:
        """Spell a prediction.

        Args:
            prediction: what to show.
            site: where the client found us.
            timed_out: this answers a wait that saw no end, so the status must read `starting`:
                clients take any other status of a blocking answer for the final one.
            inline: give output files as data: URLs, if they are not too long in all.
        """
        input_ = await self.spool.restore(
            prediction.input,
            prediction.input_files,
            up_to_bytes=self.echo_limit_bytes,
            url=lambda one: self._input_url(prediction, one, site),
        )
        output = await self._inlined(prediction) if inline else None
        known = self._known(prediction.version)
        trains = prediction.destination is not None
        return WirePrediction(
            id=prediction.id,
            model=prediction.model,
            version=_shown_version(prediction, known),
            input=msgspec.Raw(input_.encode()),
            logs=prediction.logs,
            output=output or self._output(prediction, site),
            data_removed=prediction.data_removed_at is not None,
            error=prediction.error,
            status=self._status(prediction.status, timed_out=timed_out),
            created_at=iso(prediction.created_at),
            started_at=_iso(prediction.started_at),
            completed_at=_iso(prediction.completed_at),
            metrics=_shown_metrics(prediction),
            source="api",
            deployment=prediction.deployment or msgspec.UNSET,
            deadline=msgspec.UNSET
            if prediction.deadline_at is None
            else iso(prediction.deadline_at),
            webhook=prediction.webhook or msgspec.UNSET,
            webhook_events_filter=prediction.webhook_events or msgspec.UNSET,
            webhook_completed=None if trains else msgspec.UNSET,
            urls=self._urls(prediction, site, text=_text(known)),
        )

    async def training(self, prediction: Prediction, site: Site) -> WirePrediction:
        """Spell a training as its own routes and its webhooks show it.

        Under `/predictions` it looks the same but for its addresses.
        """
        get = site.api(f"/trainings/{prediction.id}")
        shown = await self.prediction(prediction, site)
        urls = msgspec.structs.replace(shown.urls, get=get, cancel=f"{get}/cancel")
        return msgspec.structs.replace(shown, urls=urls)

    def file_url(self, file: StoredFile, site: Site) -> str:
        """Where a stored file can be read by whoever knows the address."""
        token = self.capabilities.file(file.prediction, file.attempt, file.index)
        return site.file(token, file.name)

    def _status(self, status: Status, *, timed_out: bool) -> str:
        if timed_out:
            return Status.STARTING
        hidden = status is Status.ABORTED and not self.show_aborted
        return Status.CANCELED if hidden else status

    def _known(self, version: VersionId) -> tuple[Model, Version] | None:
        try:
            return self.catalogue.version(version)
        except NotFound:
            return None  # the operator has taken it out of the catalogue since

    def _urls(self, prediction: Prediction, site: Site, *, text: bool) -> Urls:
        get = site.api(f"/predictions/{prediction.id}")
        # Clients tell a stream of files from one of text by this path alone.
        kind = "streams" if text else "files"
        return Urls(
            cancel=f"{get}/cancel",
            get=get,
            stream=msgspec.UNSET
            if prediction.destination is not None
            else site.root(f"/v1/{kind}/{self.capabilities.stream(prediction.id)}"),
            web=site.root(f"/p/{prediction.id}"),
        )

    def _input_url(self, prediction: Prediction, file: InputFile, site: Site) -> str:
        token = self.capabilities.file(prediction.id, INPUT_ATTEMPT, file.index)
        return site.file(token, f"input-{file.index}")

    def _output(self, prediction: Prediction, site: Site) -> msgspec.Raw:
        if prediction.destination is not None:
            return self._trained(prediction, site)
        return _shaped(prediction, [self._item(one, site) for one in prediction.output])

    def _item(self, item: OutputItem, site: Site) -> msgspec.Raw:
        if item.file is not None:
            return msgspec.Raw(_encode(self.file_url(item.file, site)))
        return msgspec.Raw((item.value or "null").encode())

    def _trained(self, prediction: Prediction, site: Site) -> msgspec.Raw:
        """The output of a training: null until it has made its version."""
        known = self._known(prediction.version)
        if not training.succeeded(prediction) or known is None or known[1].base is None:
            return NULL
        base = self._known(known[1].base)
        if base is None:
            return NULL
        made, weights = training.made(base[1], prediction), training.weights(prediction)
        told = {
            "version": f"{made.model}:{made.id}",
            "weights": None if weights is None else self.file_url(weights, site),
        }
        return msgspec.Raw(_encode(told))

    async def _inlined(self, prediction: Prediction) -> msgspec.Raw | None:
        """The output with its files as data URLs; None if there is nothing to inline."""
        files = [item.file for item in prediction.output if item.file is not None]
        if not files or len(files) < len(prediction.output) or prediction.destination is not None:
            return None
        if sum(file.size_bytes for file in files) > self.inline_limit_bytes:
            return None
        try:
            texts = [
                data_urls.encode(file.content_type, await self.blobs.get(file.key))
                for file in files
            ]
        except FileMissing:
            return None
        return _shaped(prediction, [msgspec.Raw(_encode(text)) for text in texts])


def _shown_version(prediction: Prediction, known: tuple[Model, Version] | None) -> str:
    """The version a client asked for: of a training that which is trained, not its trainer."""
    if known is None:
        return prediction.version
    model, version = known
    return HIDDEN if model.official else version.base or prediction.version


def _text(known: tuple[Model, Version] | None) -> bool:
    return known is not None and known[1].output is OutputKind.TEXT


def _shaped(prediction: Prediction, items: Sequence[msgspec.Raw]) -> msgspec.Raw:
    if not items:
        return NULL
    return items[0] if prediction.shape is Shape.ONE else msgspec.Raw(_encode(items))


def _shown_metrics(prediction: Prediction) -> dict[str, int | float]:
    metrics = {} if prediction.metrics == "{}" else _metrics(prediction.metrics)
    if prediction.completed_at is not None:
        ran = metrics.setdefault("predict_time", _entered_seconds(prediction))
        # Of the two, the run alone is measured on a clock that never jumps.
        total = (prediction.completed_at - prediction.created_at) / 1000
        metrics["total_time"] = max(total, round(ran, 3))
    return metrics


def _entered_seconds(prediction: Prediction) -> float:
    """From the start of the run to the end: of one whose worker was not heard, such as a cancel."""
    if prediction.started_at is None or prediction.completed_at is None:
        return 0.0
    return max(0, prediction.completed_at - prediction.started_at) / 1000


def _iso(ms: int | None) -> str | None:
    return None if ms is None else iso(ms)


def as_dict(shown: WirePrediction) -> Mapping[str, Json]:
    """The same as plain values, for pages."""
    return cast("Mapping[str, Json]", msgspec.json.decode(_encode(shown)))
