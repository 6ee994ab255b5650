"""Which models there are, by name and by version: shipped, declared by the operator, or made."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from darkroom.domain.errors import NotFound, VersionNotRunnable
from darkroom.domain.ids import Owner, VersionId
from darkroom.domain.model import Model, Origin, Version
from darkroom.protocol.messages import FieldSpec, VersionSpec
from darkroom.service.entries import built_in, operators_model

NOT_RUNNABLE = (
    "The specified version does not exist (or perhaps you don't have permission to use it?)"
)
"""Source: Replicate's 422 answer to an unknown version."""

_Found: TypeAlias = tuple[Model, Version]


class Catalogue:
    """The models of one server, as it knows them now; what is kept of them is others' business.

    A version that has been deleted is no longer listed and cannot be asked for, but what was
    accepted before still runs, and old predictions still look the same.

    `changes` counts what has been told to it.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        self._models: dict[str, Model] = {}
        self._by_version: dict[str, _Found] = {}
        self._by_text: dict[str, _Found] = {}
        self._without_model: set[VersionId] = set()  # listed as soon as their models are known
        self._newest_first: Sequence[Model] = ()
        self._changed = False
        self.changes = 0
        for one in models:
            self.put(one)

    def models(self, owner: Owner | None = None) -> Sequence[Model]:
        """All public models and *owner*'s own; the newest version first, then those without."""
        return [one for one in self._sorted() if one.seen_by(owner)]

    def model(self, owner: str, name: str, *, caller: Owner | None = None) -> Model:
        """The model of that name; a private one for its owner alone.

        Raises:
            NotFound: there is none that *caller* may see.
        """
        found = self._models.get(f"{owner}/{name}")
        if found is None or not found.seen_by(caller):
            raise NotFound(f"There is no model {owner}/{name}")
        return found

    def version(self, version: str) -> tuple[Model, Version]:
        """A version by its 64 digits and its model; also a trainer, and one that was deleted.

        Raises:
            NotFound: there is none.
        """
        found = self._by_version.get(version)
        if found is None:
            raise NotFound(f"There is no version {version[:64]}")
        return found

    def resolve(self, text: str, *, caller: Owner | None = None) -> tuple[Model, Version]:
        """What the `version` of a request means: 64 digits, `owner/name:` and those, or a name.

        Raises:
            VersionNotRunnable: it names nothing that *caller* may run; `:latest` and short hashes
                never do.
        """
        if self._changed:
            self._sorted()
        found = self._by_text.get(text)
        if found is None or not found[0].seen_by(caller):
            raise VersionNotRunnable(NOT_RUNNABLE)
        return found

    def holds(self, path: str) -> bool:
        """Whether there is a model `owner/name`, whoever may see it."""
        return path in self._models

    def made(self) -> Sequence[Model]:
        """All models that were made over the API."""
        return [one for one in self._models.values() if one.origin is Origin.MADE]

    def pools(self) -> Collection[str]:
        """Where the versions and their trainers run."""
        return {version.pool for _, version in self._by_version.values()}

    def names(self, text: str) -> bool:
        """Whether *text*, in one of the forms of `resolve`, names what is there for anybody."""
        path, _, version = text.rpartition(":") if "/" in text else ("", "", text)
        if not path:
            return text in self._models or text in self._by_version
        found = self._by_version.get(version)
        return found is not None and found[0].path == path

    def made_by(self, owner: str) -> int:
        """How many models *owner* has made over the API."""
        return sum(1 for one in self.made() if one.owner == owner)

    def put(self, model: Model) -> None:
        """Add a model, or take *model* for the one of its name."""
        self.changes += 1
        self._models[model.path] = model
        for version in model.versions:
            self._by_version[version.id] = (model, version)
            if version.trainer is not None:
                self._by_version[version.trainer.id] = (model, version.trainer)
        self._changed = True

    def add_version(self, version: Version) -> bool:
        """List one more version of its model; False, and nothing happens, if it is known.

        Where the model is gone it is known all the same, for the sake of old predictions. Another
        server may have made that model, of which nothing was heard yet: then a later call lists it.
        """
        model = self._models.get(version.model)
        known = version.id in self._by_version
        if known and (model is None or version.id not in self._without_model):
            return False
        if model is None:
            self.changes += 1
            self._by_version[version.id] = (_gone(version), version)
            self._without_model.add(version.id)
            return True
        self._without_model.discard(version.id)
        newest_first = sorted([version, *model.versions], key=lambda one: -one.created_at)
        self.put(replace(model, versions=newest_first))
        return True

    def retire(self, version: VersionId) -> None:
        """List a version no more; an unknown one is ignored."""
        self._without_model.discard(version)
        found = self._by_version.get(version)
        if found is None or found[1].model not in self._models:
            return
        model = self._models[found[1].model]
        left = [one for one in model.versions if one.id != version]
        self.put(replace(model, versions=left))

    def drop(self, path: str) -> None:
        """Know a model no more; an unknown one is ignored."""
        self.changes += 1
        self._models.pop(path, None)
        self._changed = True

    def _sorted(self) -> Sequence[Model]:
        """Models in the order of lists; after a change they, and what names them, are put anew."""
        if self._changed:
            self._newest_first = sorted(
                self._models.values(), key=lambda one: (-newest_at(one), one.path)
            )
            self._by_text = {
                text: (one, version)
                for one in self._newest_first
                for version in one.versions
                for text in _texts(one, version)
            }
            self._changed = False
        return self._newest_first


def _gone(version: Version) -> Model:
    """What is known of the model of *version* when nothing else is left of it."""
    owner, _, name = version.model.partition("/")
    return Model(
        owner=owner,
        name=name,
        description="",
        official=False,
        versions=(),
        created_at=version.created_at,
    )


def newest_at(model: Model) -> int:
    """When its latest version was made; 0 if there is none."""
    return model.versions[0].created_at if model.versions else 0


def _texts(model: Model, version: Version) -> Sequence[str]:
    named = [version.id, f"{model.path}:{version.id}"]
    return [model.path, *named] if version is model.versions[0] else named


def load_catalogue(overrides: Mapping[str, Mapping[str, object]]) -> Catalogue:
    """Read the built-in entries and put the operator's beside or in place of them.

    Args:
        overrides: `models` of the operator's file, by owner/name.

    Raises:
        InvalidSetting: an entry cannot be used; names it and its key.
    """
    built_ins = {one.path: one for one in built_in()}
    own = {path: operators_model(path, entry, built_ins) for path, entry in overrides.items()}
    return Catalogue(list({**built_ins, **own}.values()))


def to_spec(version: Version) -> VersionSpec:
    """What a worker must know of *version*."""
    return VersionSpec(
        id=version.id,
        model=version.model,
        kind=version.kind,
        fields=[
            FieldSpec(name=one.name, type=one.type, default=one.default) for one in version.inputs
        ],
        output=version.output,
        concurrency=version.concurrency,
        pixels=version.pixels,
        config=dict(version.config),
    )
