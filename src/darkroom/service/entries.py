"""Reading catalogue entries: the built-in files, and what an operator adds in `darkroom.yaml`."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from importlib import resources
from typing import TypeVar

import msgspec
import yaml

from darkroom.domain.errors import InvalidIdentifier, InvalidSetting
from darkroom.domain.families import SERVED, Family, Schema
from darkroom.domain.ids import (
    DEFAULT_POOL,
    POOL_RULE,
    Identifier,
    VersionId,
    is_pool,
    parse_identifier,
)
from darkroom.domain.model import InputField, Model, Origin, OutputKind, Version
from darkroom.domain.prediction import Milliseconds
from darkroom.domain.safety import CHECKERS, PREVIEWS
from darkroom.domain.weights_address import WEIGHTS
from darkroom.domain.written import unfit
from darkroom.service.entry_faults import entry_fault
from darkroom.service.entry_weights import described, weights_config, when_tiny
from darkroom.service.safety import SafetyKeys, safety_config, safety_words

ECHOES = ("echo", "echo-text")
NOT_YET = ("cog", "relay")


class _Trainer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What makes new versions of an entry, as it is written there."""

    kind: str
    inputs: list[InputField]


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A built-in entry as it is written in `catalogue/`."""

    owner: str
    name: str
    description: str
    created_at: datetime
    kind: str
    output: OutputKind
    inputs: list[InputField]
    readme: str
    concurrency: int
    official: bool = False
    pixels: bool = False
    version: str | None = None
    config: dict[str, str] = {}
    license_url: str | None = None
    paper_url: str | None = None
    github_url: str | None = None
    trainer: _Trainer | None = None


class _Echo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operator's entry for one of the echoes."""

    runner: str
    pool: str = DEFAULT_POOL
    pin: bool = False
    description: str | None = None


class _Diffusers(SafetyKeys, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operator's entry for a diffusers pipeline."""

    runner: str
    pool: str = DEFAULT_POOL
    pin: bool = False
    family: str | None = None
    description: str | None = None


_Entry = TypeVar("_Entry", _Echo, _Diffusers)


def built_in() -> list[Model]:
    """The models that ship with the package, in the order of their files' names."""
    folder = resources.files("darkroom").joinpath("catalogue")
    files = sorted((one for one in folder.iterdir() if one.name.endswith(".yaml")), key=str)
    return [_model(one.read_text("utf-8")) for one in files]


def version_digest(version: Version) -> VersionId:
    """The id of a version that has none of its own: SHA-256 of what it runs, not of its prose.

    Where the weights of its checkers come from does not count, nor whether it is shown under way:
    they make no picture.
    """
    inputs = [
        (one.name, one.type, one.required, one.default, one.minimum, one.maximum, one.choices)
        for one in version.inputs
    ]
    config = {key: text for key, text in version.config.items() if key not in {*CHECKERS, PREVIEWS}}
    told: list[object] = [version.model, version.kind, inputs, version.output, config]
    if version.base is not None:
        told.append(version.base)
    return VersionId(hashlib.sha256(msgspec.json.encode(told, order="deterministic")).hexdigest())


def operators_model(
    path: str, entry: Mapping[str, object], built_ins: Mapping[str, Model]
) -> Model:
    """The model that an operator's entry declares.

    One that replaces a built-in name keeps that name's inputs, output, version id and official
    flag; a new name gets those of its family.

    Args:
        path: `owner/name`.
        entry: as read from the operator's file.
        built_ins: the models that ship, by path.

    Raises:
        InvalidSetting: names the entry and the key, and says what may stand there.
    """
    where = f"models.{path}"
    name = _identifier(path, where)
    runner = entry.get("runner")
    match runner:
        case "diffusers":
            read = _read(entry, _Diffusers, where)
            return _placed(_diffusers(name, read, built_ins, where), read, where)
        case "echo" | "echo-text":
            read = _read(entry, _Echo, where)
            return _placed(_echo(name, read, built_ins, where), read, where)
        case _ if runner in NOT_YET:
            raise InvalidSetting(f"{where}.runner: {runner!r} is not there yet in this release")
        case _:
            known = ", ".join(["diffusers", *ECHOES])
            raise InvalidSetting(unfit(f"{where}.runner", runner, f"one of {known}"))


def _model(text: str) -> Model:
    file = msgspec.convert(yaml.safe_load(text), _File)
    draft = Version(
        id=VersionId(file.version or ""),
        model=f"{file.owner}/{file.name}",
        kind=file.kind,
        inputs=file.inputs,
        output=file.output,
        created_at=Milliseconds(int(file.created_at.timestamp()) * 1000),
        concurrency=file.concurrency,
        pixels=file.pixels,
        config=file.config,
    )
    version = draft if file.version else replace(draft, id=version_digest(draft))
    return Model(
        owner=file.owner,
        name=file.name,
        description=file.description,
        official=file.official,
        versions=[_trainable(version, file.trainer)],
        created_at=draft.created_at,
        license_url=file.license_url,
        paper_url=file.paper_url,
        github_url=file.github_url,
        readme=file.readme,
    )


def _trainable(version: Version, trainer: _Trainer | Version | None) -> Version:
    """*version* with a trainer of its own, of the same kind and inputs as *trainer*."""
    if trainer is None:
        return version
    draft = replace(
        version,
        kind=trainer.kind,
        inputs=trainer.inputs,
        output=OutputKind.FILES,
        config={},
        trainer=None,
        base=version.id,
    )
    return replace(version, trainer=replace(draft, id=version_digest(draft)))


# ── an operator's entry ─────────────────────────────────────────────────────────────────────


def _identifier(path: str, where: str) -> Identifier:
    try:
        name = parse_identifier(path)
    except InvalidIdentifier as error:
        raise InvalidSetting(f"{where}: must be written owner/name") from error
    if name.version:
        raise InvalidSetting(f"{where}: must be owner/name without a version")
    return name


def _read(entry: Mapping[str, object], into: type[_Entry], where: str) -> _Entry:
    try:
        return msgspec.convert(dict(entry), into)
    except msgspec.ValidationError as error:
        raise InvalidSetting(entry_fault(error, entry, into, where)) from error


def _placed(model: Model, entry: _Echo | _Diffusers, where: str) -> Model:
    """*model* in the pool that its entry names, pinned there if it says so."""
    pool = entry.pool
    if not is_pool(pool):
        raise InvalidSetting(f"{where}.pool: {POOL_RULE}, not {pool[:80]!r}")
    versions = [
        replace(one, pool=pool, trainer=one.trainer and replace(one.trainer, pool=pool))
        for one in model.versions
    ]
    return replace(model, versions=versions, pinned=entry.pin)


def _echo(name: Identifier, entry: _Echo, built_ins: Mapping[str, Model], where: str) -> Model:
    template = built_ins[f"darkroom/{entry.runner}"]
    if name.model in built_ins and name.model != template.path:
        raise InvalidSetting(
            f"{where}.runner: {entry.runner!r} cannot serve the inputs of {name.model}"
        )
    text = entry.description or template.description
    return _renamed(template, name, description=text, readme=template.readme, config={})


def _diffusers(
    name: Identifier, entry: _Diffusers, built_ins: Mapping[str, Model], where: str
) -> Model:
    replaced = built_ins.get(name.model)
    family = _family(entry.family or (replaced and replaced.latest.config.get("family")), where)
    schemas = [str(schema) for schema in SERVED[family]]
    schema = replaced.latest.config.get("schema", "") if replaced else schemas[0]
    if schema not in schemas:
        raise InvalidSetting(
            f"{where}.family: {str(family)!r} cannot serve the inputs of {name.model}"
        )
    weights = weights_config(entry, _weights_of(family, built_ins), where)
    safety = safety_config(entry, Schema(schema), built_ins, where)
    config = {"family": str(family), "schema": schema, **weights, **safety}
    description = entry.description or f"Runs {weights[WEIGHTS]} as {family}."
    template = replaced or _by_schema(schema, built_ins)
    readme = _readme(name.model, config, template)
    return _renamed(template, name, description=description, readme=readme, config=config)


def _family(text: str | None, where: str) -> Family:
    try:
        return Family(text or "")
    except ValueError:
        known = ", ".join(Family)
        raise InvalidSetting(unfit(f"{where}.family", text, f"one of {known}")) from None


def _weights_of(family: str, built_ins: Mapping[str, Model]) -> str:
    of_family = (one for one in built_ins.values() if one.latest.config.get("family") == family)
    return next(of_family).latest.config[WEIGHTS]


def _by_schema(schema: str, built_ins: Mapping[str, Model]) -> Model:
    return next(one for one in built_ins.values() if one.latest.config.get("schema") == schema)


def _readme(path: str, config: Mapping[str, str], template: Model) -> str:
    return (
        f"# {path}\n\nThe operator of this server declared this model in `darkroom.yaml`.\n\n"
        f"**What runs here.** {described(config)}, as a {config['family']} pipeline, "
        f"with the inputs of {template.path}. Their licence is a matter of whoever made them.\n\n"
        f"**Safety.** {safety_words(config)}\n\n"
        f"**With `DARKROOM_WEIGHTS=tiny`** {when_tiny(config)}\n"
    )


def _renamed(
    template: Model,
    name: Identifier,
    *,
    description: str,
    readme: str,
    config: Mapping[str, str],
) -> Model:
    """*template* under *name*; the links go, for other weights have another licence.

    Only the template's own name keeps its version id and its official flag.
    """
    version = replace(template.latest, model=name.model, config=config)
    own = name.model == template.path
    if not own:
        version = replace(version, id=version_digest(version))
    return Model(
        owner=name.owner,
        name=name.name,
        description=description,
        official=own and template.official,
        versions=[_trainable(version, template.latest.trainer)],
        created_at=template.created_at,
        origin=Origin.SHIPPED if own else Origin.DECLARED,
        readme=readme,
    )
