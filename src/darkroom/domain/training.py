"""What a training makes: a new version of its destination.

A trainer publishes the weights as a file and, as text, a JSON object of what it adds to the
configuration of the version it began with; what is no text in it is kept spelled as JSON. Both are
outputs of the training like any others.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from darkroom.domain.errors import RunFailed
from darkroom.domain.ids import VersionId
from darkroom.domain.model import Version
from darkroom.domain.prediction import OutputItem, Prediction, Status, StoredFile

LONGEST_CONFIGURATION = 65_536
"""Letters of a configuration's text; every worker that runs the version is told them."""


def succeeded(one: Prediction) -> bool:
    """Whether *one* is a training that has made a version, and its outputs are still there."""
    return (
        one.destination is not None
        and one.status is Status.SUCCEEDED
        and one.data_removed_at is None
    )


def made(base: Version, training: Prediction) -> Version:
    """The version that a training which has succeeded makes; always the same for the same two.

    Args:
        base: what was trained.
        training: `succeeded` is true of it.

    Raises:
        RunFailed: its outputs hold no configuration.
    """
    assert training.destination is not None  # noqa: S101  # see Args
    assert training.completed_at is not None  # noqa: S101
    config = {**base.config, **_configuration(training.output)}
    return replace(
        base,
        id=_digest(training.destination, base.id, config, training.id),
        model=training.destination,
        config=config,
        created_at=training.completed_at,
        trainer=None,
    )


def weights(training: Prediction) -> StoredFile | None:
    """The file of weights that a training has given."""
    return next((one.file for one in training.output if one.file is not None), None)


def _digest(model: str, base: str, config: Mapping[str, str], training: str) -> VersionId:
    told = json.dumps([model, base, config, training], sort_keys=True)
    return VersionId(hashlib.sha256(told.encode()).hexdigest())


def _configuration(output: Sequence[OutputItem]) -> Mapping[str, str]:
    texts = [one.value for one in output if one.value is not None]
    if texts and len(texts[-1]) > LONGEST_CONFIGURATION:
        raise RunFailed(f"the configuration is longer than {LONGEST_CONFIGURATION} letters")
    try:
        told = cast("object", json.loads(json.loads(texts[-1])))
    except (IndexError, TypeError, ValueError) as error:
        raise RunFailed("the trainer gave no configuration as its last text") from error
    if not isinstance(told, dict):
        raise RunFailed("the trainer gave a configuration that is no JSON object")
    found = cast("Mapping[str, object]", told)
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in found.items()
    }
