"""What the configuration of a version says of checking, made ready."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from darkroom.domain.errors import InvalidSetting, WeightsUnavailable
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
from darkroom.domain.weights_address import HUB, TINY
from darkroom.engine.safety import SafetyChecker
from darkroom.engine.safety_loading import load_checker
from darkroom.engine.tiny_safety import tiny_classifier, tiny_concepts


@dataclass(frozen=True, slots=True, kw_only=True)
class Safety:
    """What looks at the pictures of a model, and what its operator allows.

    Args:
        checker: None if none is set up.
        off: whether the operator wants nothing checked, not by the weights' own checker either.
        allow_unchecked: whether a run may do without.
        previews: whether a run is shown while it is made, before anything is checked.
    """

    checker: SafetyChecker | None = None
    off: bool = False
    allow_unchecked: bool = False
    previews: bool = True


def load_safety(config: Mapping[str, str], device: torch.device) -> Safety:
    """Read the keys of `darkroom.domain.safety` and load what they name onto *device*.

    Args:
        config: of the version. A key that names a checker holds a folder or `tiny`; those of the
            hub count as `tiny` where the weights are.
        device: where the checkers compute.

    Raises:
        WeightsUnavailable: a checker cannot be had; nothing is ever left unchecked for that.
        InvalidSetting: `tiny_folder` is missing.
    """
    return Safety(
        checker=_checker(config, device),
        off=config.get(SAFETY) == OFF,
        allow_unchecked=config.get(ALLOW_UNCHECKED) == YES,
        previews=config.get(PREVIEWS) != OFF,
    )


def _checker(config: Mapping[str, str], device: torch.device) -> SafetyChecker | None:
    if config.get(SAFETY) == OFF or not any(config.get(key) for key in CHECKERS):
        return None
    return load_checker(_folder(config, SAFETY_CHECKER), _folder(config, NSFW_CLASSIFIER), device)


def _folder(config: Mapping[str, str], key: str) -> Path | None:
    address = config.get(key)
    if not address:
        return None
    if address == TINY or (address.startswith(HUB) and config.get("weights") == TINY):
        if not config.get("tiny_folder"):
            raise InvalidSetting("The model's configuration lacks `tiny_folder`.")
        make = tiny_concepts if key == SAFETY_CHECKER else tiny_classifier
        return make(Path(config["tiny_folder"]))
    if address.startswith(HUB):
        raise WeightsUnavailable(
            f"{address} has not been brought here. Name a folder under `{key}` in darkroom.yaml,"
            " or write `safety: off` there to go without."
        )
    return Path(address).expanduser()
