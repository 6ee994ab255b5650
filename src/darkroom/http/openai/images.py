"""The routes of OpenAI's Images API: each request is one or more ordinary predictions."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import pybase64
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.domain.errors import FileMissing, FilesUnavailable, InvalidInput, VersionNotRunnable
from darkroom.domain.model import Model, OutputKind, Version
from darkroom.domain.prediction import Status, StoredFile
from darkroom.http.answers import Site, caller, json_answer, route, site
from darkroom.http.creating import Body, Creations, Target
from darkroom.http.openai import asking
from darkroom.http.openai.refusals import Refusal, unfit
from darkroom.http.wire import Wire
from darkroom.ports.serving import InputValidator
from darkroom.service import images
from darkroom.service.catalogue import Catalogue
from darkroom.service.intake import Created
from darkroom.service.limits import Rates

_FLAGGED = re.compile(r"\(E005\)|flagged as sensitive|\bNSFW\b")
_ABOUT_AN_INPUT = re.compile(r"(?:input )?`?(?P<name>\w+)`?(?:: | is | must )")
_ABOUT_PICTURES = "The picture"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRoutes:
    """Pictures for clients that speak OpenAI's API.

    Args:
        model: what runs where a request names none; any text that names a version.
        wait_seconds: how long an answer is held.
    """

    creations: Creations
    catalogue: Catalogue
    validator: InputValidator
    wire: Wire
    rates: Rates
    model: str | None
    wait_seconds: float

    def routes(self) -> list[Route]:
        """Paths relative to the API's mount."""
        return [
            route("/images/generations", self.generate, method="POST"),
            route("/images/edits", self.edit, method="POST"),
        ]

    async def generate(self, request: Request) -> Response:
        """Make pictures from a prompt, and from pictures if the model takes some."""
        return await self._answer(request, from_pictures=False)

    async def edit(self, request: Request) -> Response:
        """Make pictures from pictures."""
        return await self._answer(request, from_pictures=True)

    async def _answer(self, request: Request, *, from_pictures: bool) -> Response:
        limits = self.creations
        try:
            asked = await asking.read(
                request, limit_bytes=limits.body_limit_bytes, seconds=limits.body_seconds
            )
            model, version = self._named(request, asked.model)
            fitted = self._fitted(version, asked.wanted, from_pictures=from_pictures)
            target = Target(model=model, version=version)
            created = await self._created(request, asked, target, fitted)
            return await self._shown(created, asked, version, site(request))
        except Refusal as refusal:
            return refusal.answer()

    async def _created(
        self, request: Request, asked: asking.Asked, target: Target, fitted: images.Fitted
    ) -> Sequence[Created]:
        """The predictions of a request, each ended or as it was when the time was over; or none."""
        body = Body(asked.data, {"input": fitted.input})
        count = fitted.predictions
        if count > 1:  # the first is counted already
            self.rates.take(caller(request).key, create=True, count=count - 1)
        try:
            return await self.creations.create_all(
                request, body, target, count, wait_seconds=self.wait_seconds
            )
        except InvalidInput as error:  # a file of ours that is not the caller's
            raise unfit(error, target.version) from error

    async def _shown(
        self, created: Sequence[Created], asked: asking.Asked, version: Version, here: Site
    ) -> Response:
        headers = _headers(created)
        for one in created:
            self._check(one, version, here, headers)
        predictions = [one.prediction for one in created]
        files = [item.file for one in predictions for item in one.output if item.file is not None]
        pictures = [await self._picture(file, asked, here) for file in files]
        shown = {"created": predictions[0].created_at // 1000, "data": pictures}
        return json_answer(shown, headers=headers)

    def _named(self, request: Request, text: str | None) -> tuple[Model, Version]:
        text = text or self.model
        if text is None:
            raise Refusal(
                400,
                "model is required: owner/name, owner/name:version or a version. The operator can "
                "set a default with DARKROOM_OPENAI_MODEL.",
                param="model",
            )
        try:
            model, version = self.catalogue.resolve(text, caller=caller(request).owner)
        except VersionNotRunnable as error:
            words = f"The model {text[:200]!r} does not exist here. List them at /v1/models."
            raise Refusal(404, words, param="model", code="model_not_found") from error
        if version.output is OutputKind.TEXT:
            raise Refusal(400, f"The model {model.path} makes text, no pictures.", param="model")
        return model, version

    def _fitted(
        self, version: Version, wanted: images.ImageRequest, *, from_pictures: bool
    ) -> images.Fitted:
        try:
            fitted = images.fit(version, wanted)
            self.validator.check(version, {"input": fitted.input}, with_version=False)
        except InvalidInput as error:
            raise unfit(error, version) from error
        if from_pictures and not fitted.input.keys() & {*version.file_inputs}:
            raise Refusal(400, "image is required: send at least one.", param="image")
        return fitted

    def _check(
        self, created: Created, version: Version, here: Site, headers: Mapping[str, str]
    ) -> None:
        """Let a prediction that gave pictures pass."""
        prediction = created.prediction
        if not created.ended:
            words = (
                f"The prediction has not ended within {self.wait_seconds:g} seconds. It goes on: "
                f"{here.api(f'/predictions/{prediction.id}')}"
            )
            raise Refusal(504, words, code="timeout", headers=headers)
        if prediction.status is Status.FAILED:
            raise _failure(prediction.error or "The model failed.", version, headers)
        if prediction.status is not Status.SUCCEEDED:
            raise Refusal(500, "The prediction was canceled.", code="canceled", headers=headers)

    async def _picture(self, file: StoredFile, asked: asking.Asked, here: Site) -> dict[str, str]:
        """One picture as it was asked for; by address, too, if its bytes cannot be had now."""
        if asked.as_base64:
            with suppress(FileMissing, FilesUnavailable):
                data = await self.wire.blobs.get(file.key)
                return {"b64_json": pybase64.b64encode_as_string(data)}
        return {"url": self.wire.file_url(file, here)}


def _headers(created: Sequence[Created]) -> Mapping[str, str]:
    """Which predictions a request became; OpenAI's clients show the first as the request's id."""
    ids = [one.prediction.id for one in created]
    return {"X-Prediction-Id": ", ".join(ids), "X-Request-Id": ids[0]}


def _failure(error: str, version: Version, headers: Mapping[str, str]) -> Refusal:
    """A failed run, told apart by whose fault it was."""
    if _FLAGGED.search(error):
        return Refusal(400, error, code="content_policy_violation", headers=headers)
    matched = _ABOUT_AN_INPUT.match(error)
    known = {one.name for one in version.inputs}
    if matched is not None and matched["name"] in known:
        param = images.spoken(version, matched["name"])
        return Refusal(400, error, param=param, code="invalid_value", headers=headers)
    if error.startswith(_ABOUT_PICTURES):
        return Refusal(400, error, param="image", code="invalid_value", headers=headers)
    return Refusal(500, error, code="model_failed", headers=headers)
