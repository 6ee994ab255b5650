"""What an operator's entry says of checking pictures."""

from collections.abc import Mapping

from darkroom.domain.errors import InvalidSetting
from darkroom.domain.families import Schema
from darkroom.domain.model import Model
from darkroom.domain.safety import (
    ALLOW_UNCHECKED,
    CHECKERS,
    NSFW_CLASSIFIER,
    OFF,
    PREVIEWS,
    SAFETY,
    SAFETY_CHECKER,
    YES,
)
from darkroom.domain.weights_address import parse_folder
from darkroom.service.entry_weights import WrittenWeights

_UNCHECKED = frozenset({Schema.SD_IMG2IMG})  # hosted without a checker
_ON_REQUEST = "Where the model takes `disable_safety_checker`, a request may do without."


class SafetyKeys(WrittenWeights, frozen=True, kw_only=True):
    """The keys of an entry, after those of its weights; `on` and `off` are truth values in YAML."""

    safety: bool | None = None
    safety_checker: str | None = None
    nsfw_classifier: str | None = None
    allow_unchecked: bool = False
    previews: bool = True


def safety_config(
    entry: SafetyKeys, schema: Schema, built_ins: Mapping[str, Model], where: str
) -> dict[str, str]:
    """The keys of the configuration that follow from *entry*.

    Unless it says otherwise, it is checked what the hosted model of *schema* checks. An entry
    that names one checker has that one alone; one that names none has those that ship.

    Args:
        entry: what the operator wrote.
        schema: whose inputs it takes.
        built_ins: the models that ship, one of which names checkers.
        where: the entry, for errors.

    Raises:
        InvalidSetting: names the entry and the key.
    """
    named = {
        key: _address(text, key, where)
        for key, text in (
            (SAFETY_CHECKER, entry.safety_checker),
            (NSFW_CLASSIFIER, entry.nsfw_classifier),
        )
        if text is not None
    }
    shown = {} if entry.previews else {PREVIEWS: OFF}
    if entry.safety is False:
        if named:
            key = next(iter(named))
            raise InvalidSetting(
                f"{where}.{key}: `safety: off` uses no checker; remove one of both"
            )
        return {SAFETY: OFF, **shown}
    wanted = entry.safety or bool(named) or schema not in _UNCHECKED
    allowed = {ALLOW_UNCHECKED: YES} if entry.allow_unchecked else {}
    return {**((named or _shipped(built_ins)) if wanted else {}), **allowed, **shown}


def safety_words(config: Mapping[str, str]) -> str:
    """A paragraph for a model's README."""
    if config.get(SAFETY) == OFF:
        return "The operator has switched the checks off: pictures are shown as they come."
    named = [f"`{config[key]}`" for key in CHECKERS if key in config]
    if not named:
        return "No checker is set up; if one comes with the weights, it is used."
    flagged = "both flag" if len(named) > 1 else "it flags"
    told = f"Pictures are checked by {' and '.join(named)}; what {flagged} is kept back."
    return f"{told} {_ON_REQUEST}" if ALLOW_UNCHECKED in config else told


def _address(text: str, key: str, where: str) -> str:
    try:
        parse_folder(text, key=key)
    except InvalidSetting as error:
        raise InvalidSetting(f"{where}.{error}") from error
    return text


def _shipped(built_ins: Mapping[str, Model]) -> dict[str, str]:
    configs = (one.latest.config for one in built_ins.values())
    checked = next(one for one in configs if SAFETY_CHECKER in one)
    return {key: checked[key] for key in CHECKERS if key in checked}
