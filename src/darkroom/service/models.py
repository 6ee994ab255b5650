"""Models that owners make over the API, and the versions that they train and delete."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from darkroom.domain import training
from darkroom.domain.errors import (
    AlreadyExists,
    InvalidIdentifier,
    NotAllowed,
    NotFound,
    NotTrainable,
    StillNeeded,
    UnknownHardware,
)
from darkroom.domain.ids import Owner, parse_identifier
from darkroom.domain.model import Hardware, Model, Origin, Version, Visibility
from darkroom.domain.prediction import Prediction
from darkroom.ports.models import Kept, ModelChange, ModelStore
from darkroom.service.catalogue import Catalogue
from darkroom.service.runs import Runs

MOST_MODELS = 1000
_TAKEN = "A model with that name and owner already exists."
_WAS_TAKEN = (
    "A model with that name and owner already exists, or one did in darkroom.yaml and trainings "
    "have made versions of it. Choose another name, or declare it again and delete those versions."
)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """What owners can do with models.

    Args:
        store: keeps models that are made, and versions that come and go.
        catalogue: is told of all of it; what it holds when `load` is called came from files.
        runs: who has run what.
        hardware: what this server has.
        changed: called after a model or version was made, changed or deleted over the API.
    """

    store: ModelStore
    catalogue: Catalogue
    runs: Runs
    hardware: Sequence[Hardware]
    changed: Callable[[], None] = lambda: None

    async def load(self) -> None:
        """Take up what an earlier run of the server has left; call once, before anything else.

        A model of a file goes before one of the same name that was made.
        """
        bases = [version for model in self.catalogue.models() for version in model.versions]
        await self.store.keep_trainers([one for one in bases if one.trainer is not None])
        kept = await self.store.kept()
        for model in kept.made:
            if not self.catalogue.holds(model.path):
                self.catalogue.put(model)
        for version in kept.trained:
            self.catalogue.add_version(version)
        for id_ in kept.deleted:
            self.catalogue.retire(id_)
        self.runs.load(await self.store.runs())

    async def refresh(self) -> None:
        """Take up what other servers have made, changed and deleted since."""
        kept = await self._read()
        before = {one.path: one for one in self.catalogue.made()}
        for model in kept.made:
            known = before.get(model.path)
            if known is None and not self.catalogue.holds(model.path):
                self.catalogue.put(model)
            elif known is not None and replace(model, versions=known.versions) != known:
                self.catalogue.put(replace(model, versions=known.versions))
        for path in before.keys() - {one.path for one in kept.made}:
            self.catalogue.drop(path)
        for version in kept.trained:
            self.catalogue.add_version(version)
        for id_ in kept.deleted:
            self.catalogue.retire(id_)

    async def _read(self) -> Kept:
        """What is kept; nothing has changed here meanwhile, or it could be older than that."""
        while True:
            changes = self.catalogue.changes
            kept = await self.store.kept()
            if changes == self.catalogue.changes:
                return kept

    async def create(self, wanted: Model, *, by: Owner, admin: bool) -> Model:
        """Add a model without versions.

        Args:
            wanted: its `created_at` does not count.
            by: who asks.
            admin: whether they may make models of any owner.

        Raises:
            AlreadyExists: there is one of that name, or trained versions of one that was.
            NotAllowed: it would be somebody else's, or one too many.
            UnknownHardware: none of this server's.
        """
        if wanted.owner != by and not admin:
            raise NotAllowed(
                f'Your key makes models of {by}, not of {wanted.owner}. Send "owner": "{by}".'
            )
        skus = [one.sku for one in self.hardware]
        if wanted.hardware not in skus:
            raise UnknownHardware(wanted.hardware or "", skus)
        if self.catalogue.holds(wanted.path):
            raise AlreadyExists(_TAKEN)
        if self.catalogue.made_by(wanted.owner) >= MOST_MODELS:
            raise NotAllowed(
                f"{wanted.owner} has {MOST_MODELS} models, which is the limit. Delete one first."
            )
        created_at = await self.store.add(wanted)
        if created_at is None:
            await self.refresh()  # whoever is told of another server's model may ask for it here
            raise AlreadyExists(_WAS_TAKEN)
        made = replace(wanted, created_at=created_at)
        self.catalogue.put(made)
        self.changed()
        return made

    async def change(self, model: Model, change: ModelChange, *, by: Owner) -> Model:
        """Change what *model* tells of itself; returns it as it is then.

        Raises:
            NotAllowed: it is somebody else's, or comes from a file.
            NotFound: it is gone.
        """
        _require_made(model, by)
        changed = await self.store.change(model, change)
        if changed is None:
            raise NotFound(f"There is no model {model.path}")
        # A training may have added a version while the change was written.
        now = self.catalogue.model(changed.owner, changed.name, caller=by)
        kept = replace(changed, versions=now.versions)
        self.catalogue.put(kept)
        self.changed()
        return kept

    async def delete(self, model: Model, *, by: Owner) -> None:
        """Forget a model.

        Raises:
            NotAllowed: it is somebody else's, or comes from a file.
            StillNeeded: it is public, has a version, or a training makes one of it.
        """
        _require_made(model, by)
        if model.visibility is Visibility.PUBLIC:
            raise StillNeeded(
                f"{model.path} is public, and only private models can be deleted. Make it private "
                'first: PATCH it with {"visibility": "private"}.'
            )
        if model.versions:
            raise StillNeeded(
                f"{model.path} has versions, and only models without can be deleted. Delete those "
                f"first: DELETE /v1/models/{model.path}/versions/{model.latest.id}"
            )
        if not await self.store.delete(model):
            raise StillNeeded(
                f"A training makes a version of {model.path}. Cancel it or wait for its end."
            )
        self.catalogue.drop(model.path)
        self.changed()

    async def delete_version(self, model: Model, version: Version, *, by: Owner) -> None:
        """Delete a version for good; predictions of it stay, and those that wait still run.

        Raises:
            NotAllowed: the model is somebody else's or ships with this release.
            StillNeeded: a deployment runs it, or others have run it.
        """
        _require_own(model, by)
        if model.origin is Origin.SHIPPED:
            raise NotAllowed(f"{model.path} ships with this server; its versions stay.")
        if self.runs.by_others(version.id, by):
            raise StillNeeded(
                f"Others have run the version {version.id}, and their predictions name it. "
                "It cannot be deleted."
            )
        if not await self.store.delete_version(version):
            raise StillNeeded(
                f"A deployment runs the version {version.id}. Give the deployment another version, "
                "or delete it, then try again."
            )
        self.catalogue.retire(version.id)
        self.changed()

    def trainer(self, model: Model, version: Version) -> Version:
        """What a training of *version* runs.

        Raises:
            NotTrainable: nothing.
        """
        if version.trainer is None:
            raise NotTrainable(
                f"{model.path} declares no trainer, so this version cannot be trained. Train a "
                "version whose openapi_schema has a TrainingInput, such as the latest of "
                "darkroom/echo-text."
            )
        return version.trainer

    def destination(self, text: str, *, by: Owner) -> Model:
        """The model, *by*'s own, that a training makes a version of.

        Raises:
            NotFound: *text* names none.
        """
        try:
            name = parse_identifier(text)
        except InvalidIdentifier as error:
            raise NotFound(str(error)) from error
        model = self.catalogue.model(name.owner, name.name, caller=by)
        if name.version or model.owner != by or model.origin is Origin.SHIPPED:
            raise NotFound(f"{model.path} is no model of {by}")
        return model

    def learn(self, told: Prediction) -> None:
        """List the version that *told* has made, if it is a training that has; after its commit.

        It may be told more than once, and of a training whose base is in no file any more.
        """
        base = self._trained(told) if training.succeeded(told) else None
        if base is None:
            return
        made = training.made(base, told)
        if self.catalogue.add_version(made):
            _log.info("version.trained", training=told.id, model=made.model, version=made.id)

    def _trained(self, told: Prediction) -> Version | None:
        """What a training began with."""
        try:
            _, trainer = self.catalogue.version(told.version)
            return None if trainer.base is None else self.catalogue.version(trainer.base)[1]
        except NotFound:
            return None


def _require_own(model: Model, by: Owner) -> None:
    if model.owner != by:
        raise NotAllowed(f"{model.path} belongs to {model.owner}; your key is one of {by}.")


def _require_made(model: Model, by: Owner) -> None:
    _require_own(model, by)
    if model.origin is Origin.DECLARED:
        raise NotAllowed(
            f"{model.path} is declared in the operator's darkroom.yaml. Change or remove it there, "
            "then start the server anew."
        )
    if model.origin is Origin.SHIPPED:
        raise NotAllowed(
            f"{model.path} ships with this server and stays. An entry of that name in "
            "darkroom.yaml changes what it runs."
        )
