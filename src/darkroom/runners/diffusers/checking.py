"""Which pictures of a run may be shown, in the words of the hosted model it stands in for.

Source: github.com/replicate/cog-flux-kontext, safety_checker.py, for Kontext [dev];
github.com/replicate/cog-stable-diffusion, predict.py, for Stable Diffusion; the failures that the
hosted multi-image models tell.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from PIL.Image import Image

from darkroom.domain.errors import RunFailed
from darkroom.domain.families import Schema
from darkroom.domain.model import JsonScalar
from darkroom.engine.interface import Picture
from darkroom.engine.safety import DEFAULT_TOLERANCE, TOLERANCES, SafetyChecker
from darkroom.runners.diffusers.safety_setup import Safety

NONE_LEFT: Mapping[Schema, str] = {
    Schema.SD_IMG2IMG: ("NSFW content detected. Try running it again, or try a different prompt."),
    Schema.KONTEXT_DEV: (
        "All generated images contained NSFW content. Try running it again with a different prompt."
    ),
    Schema.MULTI_IMAGE_KONTEXT: (
        "The input or output was flagged as sensitive. Please try again with different inputs."
        " (E005)"
    ),
}
"""How a run fails of which nothing may be shown."""

_OFF = "The operator has switched the safety checker off: nothing is checked."
_MISSING = "No safety checker is set up for this model: nothing is checked."
_UNCHECKED = "disable_safety_checker: the pictures of this run are not checked."
_REFUSED = "disable_safety_checker has no effect here: the operator does not allow it."


@dataclass(slots=True)
class Checking:
    """Decides picture by picture, and counts; made by `checking`, one for each run.

    Args:
        schema: whose words to use.
        pictures: what was sent, by the names of the inputs.
        checker: None lets through what the weights' own checker does.
        tolerance: index of `TOLERANCES`.
        heeds_own: whether a verdict of the weights' own checker counts.
        previews: whether the run is shown while it is made.
        log: takes lines.
    """

    schema: Schema
    pictures: Mapping[str, Image]
    checker: SafetyChecker | None
    tolerance: int
    heeds_own: bool
    previews: bool
    log: Callable[[str], None]
    _seen: int = field(default=0, init=False)
    _shown: int = field(default=0, init=False)

    def inputs(self) -> None:
        """Look at what was sent, for a model whose original does that; before anything is made.

        Raises:
            RunFailed: one of them is flagged.
            NoRoom: the device has no room for the checker.
        """
        if self.schema is Schema.MULTI_IMAGE_KONTEXT and self.checker is not None:
            for name, picture in self.pictures.items():
                if self.checker.flags(picture, tolerance=self.tolerance):
                    self.log(f"NSFW content detected in {name}")
                    self._fail()

    def output(self, picture: Picture, index: int) -> bool:
        """Whether the picture with this number, from 0, may be shown.

        Raises:
            NoRoom: the device has no room for the checker; the picture is not counted.
        """
        flagged = (self.heeds_own and picture.flagged) or (
            self.checker is not None and self.checker.flags(picture.image, tolerance=self.tolerance)
        )
        if flagged:
            self.log(f"NSFW content detected in image {index}")
        self._seen += 1
        self._shown += not flagged
        return not flagged

    def end(self) -> int:
        """How many pictures may be shown, called after the last.

        Raises:
            RunFailed: none.
        """
        if not self._shown:
            self._fail()
        if self.schema is Schema.KONTEXT_DEV and self.checker is not None:
            self.log(f"Total safe images: {self._shown} out of {self._seen}")
        return self._shown

    def _fail(self) -> NoReturn:
        raise RunFailed(NONE_LEFT[self.schema])


def checking(
    schema: Schema,
    safety: Safety,
    values: Mapping[str, JsonScalar],
    pictures: Mapping[str, Image],
    log: Callable[[str], None],
) -> Checking:
    """How the pictures of a run are checked; tells in the log what has no effect, or is not done.

    Args:
        schema: of the run's inputs.
        safety: of the model.
        values: the inputs, of which `safety_tolerance` and `disable_safety_checker` count.
        pictures: among the inputs, by their names.
        log: takes lines.

    Raises:
        RunFailed: there is no such tolerance.
    """
    given = values.get("safety_tolerance")
    tolerance = DEFAULT_TOLERANCE if given is None else int(given)
    if not 0 <= tolerance < len(TOLERANCES):
        raise RunFailed(
            f"safety_tolerance must be from 0 to {len(TOLERANCES) - 1}, but is {tolerance}."
        )
    unwanted = bool(values.get("disable_safety_checker"))
    unchecked = safety.off or (unwanted and safety.allow_unchecked)
    if note := _note(schema, safety, unwanted=unwanted):
        log(note)
    checker = None if unchecked else safety.checker
    return Checking(
        schema,
        pictures,
        checker,
        tolerance,
        heeds_own=not unchecked,
        previews=safety.previews,
        log=log,
    )


def _note(schema: Schema, safety: Safety, *, unwanted: bool) -> str | None:
    if safety.off:
        return _OFF
    if safety.checker is None:
        # The original of Stable Diffusion has none; its weights may bring one along.
        return None if schema is Schema.SD_IMG2IMG else _MISSING
    if unwanted:
        return _UNCHECKED if safety.allow_unchecked else _REFUSED
    return None
