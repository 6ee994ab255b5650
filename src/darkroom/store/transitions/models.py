"""Models, the versions that trainings make, and versions that are deleted."""

from collections.abc import Sequence
from typing import cast

from darkroom.domain import training
from darkroom.domain.model import Model, Version
from darkroom.domain.prediction import Milliseconds, Prediction
from darkroom.ports.models import ModelChange
from darkroom.store import rows
from darkroom.store.rows import Parameters
from darkroom.store.transitions.recipe import Transition


def add(model: Model) -> Transition[Milliseconds | None]:
    """Add a model; returns when, or None if its owner has one of that name or versions of it."""
    told = {**_told(model), "hardware": model.hardware, "path": model.path}
    added = yield "add_model", told
    return cast("Milliseconds", added[0][0]) if added else None


def change(model: Model, change: ModelChange) -> Transition[Model | None]:
    """Change a model; returns it without versions, or None if it is gone."""
    changed = yield (
        "change_model",
        {
            "owner": model.owner,
            "name": model.name,
            "visibility": change.visibility,
            "description": change.description,
            "readme": change.readme,
            "github_url": change.github_url,
            "paper_url": change.paper_url,
            "license_url": change.license_url,
            "cover_image_url": change.cover_image_url,
            "weights_url": change.weights_url,
        },
    )
    return rows.model(changed[0]) if changed else None


def delete(model: Model) -> Transition[bool]:
    """Delete a model that nothing needs; returns whether that was so."""
    named = {"owner": model.owner, "name": model.name, "path": model.path}
    return bool((yield "delete_model", named))


def delete_version(version: Version) -> Transition[bool]:
    """Remember that a version is deleted; returns False if a deployment runs it."""
    return bool((yield "delete_version", {"id": version.id, "model": version.model}))


def keep_trainers(bases: Sequence[Version]) -> Transition[None]:
    """Keep versions that have a trainer."""
    for base in bases:
        if base.trainer is not None:
            yield "keep_trainer", {"id": base.trainer.id, "base": rows.json_text(base)}


def make_version(ended: Prediction) -> Transition[None]:
    """The version of a training that has succeeded, in the transaction that ended it.

    Raises:
        RunFailed: its outputs make no version.
    """
    if not training.succeeded(ended):
        return
    found = yield "trainer", {"id": ended.version}
    version = training.made(rows.version(found[0]), ended)
    yield (
        "add_trained_version",
        {
            "id": version.id,
            "model": version.model,
            "training_id": ended.id,
            "version": rows.json_text(version),
            "created_at": version.created_at,
        },
    )


def _told(model: Model) -> Parameters:
    return {
        "owner": model.owner,
        "name": model.name,
        "visibility": model.visibility,
        "description": model.description,
        "readme": model.readme,
        "github_url": model.github_url,
        "paper_url": model.paper_url,
        "license_url": model.license_url,
        "cover_image_url": model.cover_image_url,
        "weights_url": model.weights_url,
    }
