"""Which models there are: those that ship and the operator's, by name and by version."""

from collections.abc import Mapping, Sequence

from darkroom.domain.errors import NotFound, VersionNotRunnable
from darkroom.domain.model import Model, Version
from darkroom.protocol.messages import FieldSpec, VersionSpec
from darkroom.service.entries import built_in, operators_model

NOT_RUNNABLE = (
    "The specified version does not exist (or perhaps you don't have permission to use it?)"
)
"""Source: Replicate's 422 answer to an unknown version."""


class Catalogue:
    """The models of one server. It does not change while the server runs."""

    def __init__(self, models: Sequence[Model]) -> None:
        newest_first = sorted(models, key=lambda one: (-one.latest.created_at, one.path))
        self._by_path = {one.path: one for one in newest_first}
        self._by_version: dict[str, Model] = {one.latest.id: one for one in newest_first}
        self._by_text = {
            **self._by_path,
            **self._by_version,
            **{f"{one.path}:{one.latest.id}": one for one in newest_first},
        }

    def models(self) -> Sequence[Model]:
        """All models, the newest version first."""
        return list(self._by_path.values())

    def model(self, owner: str, name: str) -> Model:
        """The model of that name.

        Raises:
            NotFound: there is none.
        """
        found = self._by_path.get(f"{owner}/{name}")
        if found is None:
            raise NotFound(f"There is no model {owner}/{name}")
        return found

    def version(self, version: str) -> tuple[Model, Version]:
        """A version, given its 64 digits, and its model.

        Raises:
            NotFound: there is none.
        """
        found = self._by_version.get(version)
        if found is None:
            raise NotFound(f"There is no version {version[:64]}")
        return found, found.latest

    def resolve(self, text: str) -> tuple[Model, Version]:
        """What the `version` of a request means: 64 digits, `owner/name:` and those, or a name.

        Raises:
            VersionNotRunnable: it names nothing here; `:latest` and short hashes never do.
        """
        found = self._by_text.get(text)
        if found is None:
            raise VersionNotRunnable(NOT_RUNNABLE)
        return found, found.latest


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
