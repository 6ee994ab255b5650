"""What `darkroom doctor` looks at on this machine. It changes nothing and asks no network."""

import asyncio
import os
import platform
import resource
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.compose.control import ask
from darkroom.compose.directory import SERVER, check_own
from darkroom.compose.files import endpoint_of, files_folder
from darkroom.compose.finding import Finding, Level
from darkroom.compose.neighbours import REMEDY, shared
from darkroom.domain.errors import DarkroomError, InvalidSetting
from darkroom.domain.extras import how_to_install
from darkroom.domain.ids import ServerId
from darkroom.egress.allow import AllowList
from darkroom.service.catalogue import load_catalogue
from darkroom.settings import Settings, unknown_variables
from darkroom.store import library
from darkroom.weights.standing import Means, Stand, standing

if TYPE_CHECKING:  # its driver is an extra
    from darkroom.store.postgres import Standing

OPEN_FILES = 4096
"""A server with 2,000 streams open needs about this many descriptors."""

_LEAST_BYTES = 2**28
_LEVELS: Mapping[Stand, Level] = {
    Stand.READY: Level.OK,
    Stand.ABSENT: Level.WARN,
    Stand.UNUSABLE: Level.FAIL,
}
_TORCH_SAYS = (
    "import torch; c = torch.cuda; print(', '.join(c.get_device_name(n) for n in "
    "range(c.device_count())) if c.is_available() else '')"
)


async def look(settings: Settings) -> list[Finding]:
    """Everything, in the order a person would ask."""
    return [
        _python(),
        *await _database(settings),
        _folder(settings.data_dir),
        _disk(settings),
        _open_files(),
        *_files(settings),
        *_packages(),
        *_engine(settings),
        await _gpu(),
        *await _judged(settings),
        *_models(settings),
        *_egress(settings),
        *_variables(os.environ),
    ]


def _python() -> Finding:
    line = f"darkroom {version('darkroom')} on Python {platform.python_version()}, {sys.platform}"
    return Finding(Level.OK, "darkroom", line)


async def _database(settings: Settings) -> Sequence[Finding]:
    if settings.database_url is None:
        return [_sqlite(), *_not_ours(settings.data_dir)]
    try:
        from darkroom.store import postgres
    except ImportError:
        line = "PostgreSQL is asked for, and its driver is not installed"
        return [Finding(Level.FAIL, "postgres", line, how_to_install("postgres"))]
    url = settings.database_url.get_secret_value()
    try:
        found = await postgres.look(url)
    except InvalidSetting as error:
        return [Finding(Level.FAIL, "postgres", str(error), "see `darkroom config`")]
    return [_postgres(found, postgres.place(url)), *_apart(settings, found.servers)]


def _not_ours(folder: Path) -> Iterator[Finding]:
    try:
        check_own(folder)
    except InvalidSetting as error:
        yield Finding(Level.FAIL, "sqlite", str(error), "see `darkroom config`")


def _apart(settings: Settings, servers: Sequence[ServerId]) -> Iterator[Finding]:
    """Of servers on the same database that keep their files where this one does not look."""
    if settings.files_url is not None:
        return
    files, me = files_folder(settings), settings.data_dir / SERVER
    names = {me.read_text("ascii").strip()} if me.exists() else set[str]()
    apart = [one for one in servers if one not in names and not shared(files, one)]
    if apart:
        line = f"{files} is not shared by {len(apart)} other server(s) on the same PostgreSQL"
        yield Finding(Level.WARN, "files", line, REMEDY)


def _postgres(found: "Standing", place: str) -> Finding:
    line = f"PostgreSQL {found.version} at {place}, schema {found.schema or 'empty'}"
    if found.too_old:
        return Finding(Level.FAIL, "postgres", line, "use PostgreSQL 13 or later")
    if not found.flushes:
        line += "; fsync is off, so a crash of its machine loses what was accepted"
        return Finding(Level.WARN, "postgres", line, "set fsync = on in postgresql.conf")
    return Finding(Level.OK, "postgres", line)


def _sqlite() -> Finding:
    linked = library.linked()
    text = "SQLite " + ".".join(map(str, linked))
    if linked >= library.WAL_RESET_FIXED:
        return Finding(Level.OK, "sqlite", text)
    fixed = ".".join(map(str, library.WAL_RESET_FIXED))
    return Finding(
        Level.WARN,
        "sqlite",
        f"{text} has the WAL-reset bug, mended in {fixed}; the server keeps to one writing "
        "connection, which avoids it",
        "never open the database with another program while the server runs; "
        f"use a Python that links SQLite {fixed} or later",
    )


def _folder(folder: Path) -> Finding:
    nearest = _nearest(folder)
    if not os.access(nearest, os.W_OK | os.X_OK) or not nearest.is_dir():
        return Finding(
            Level.FAIL,
            "data",
            f"{folder} cannot be written",
            f"give this account the right to write in {nearest}, or set DARKROOM_DATA_DIR",
        )
    state = "is there" if folder.exists() else "will be made at the first start"
    return Finding(Level.OK, "data", f"{folder.resolve()} {state}")


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(_nearest(settings.data_dir)).free
    line = f"{free / 2**30:.1f} GiB free"
    wanted = 2 if settings.weights == "tiny" else 20
    if free < _LEAST_BYTES:
        return Finding(Level.FAIL, "disk", line, "free some space: predictions cannot be kept")
    if free < settings.min_free_bytes:
        remedy = "free some space: no prediction or upload is taken (DARKROOM_MIN_FREE_BYTES)"
        return Finding(Level.FAIL, "disk", line, remedy)
    if free < wanted * 2**30:
        remedy = f"free up to {wanted} GiB, or move the data directory (DARKROOM_DATA_DIR)"
        return Finding(Level.WARN, "disk", line, remedy)
    return Finding(Level.OK, "disk", line)


def _open_files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= OPEN_FILES:
        return Finding(Level.OK, "open files", f"at most {soft}")
    return Finding(
        Level.WARN, "open files", f"at most {soft}", f"raise it: `ulimit -n {OPEN_FILES}`"
    )


def _files(settings: Settings) -> Iterator[Finding]:
    if settings.files_url is None:
        return
    if find_spec("obstore") is None:
        remedy = how_to_install("s3")
        yield Finding(Level.FAIL, "files", f"{settings.files_url} needs obstore", remedy)
        return
    where = endpoint_of(os.environ, settings.files_endpoint) or "Amazon's servers"
    line = f"are kept in {settings.files_url} on {where} (not asked now)"
    yield Finding(Level.OK, "files", line)


def _engine(settings: Settings) -> Iterator[Finding]:
    if settings.engine_backend == "openvino" and find_spec("openvino") is None:
        line = "engine_backend is openvino, which is not installed; no model would load"
        yield Finding(Level.FAIL, "engine", line, how_to_install("openvino"))


def _packages() -> Iterator[Finding]:
    missing = [name for name in ("torch", "diffusers", "transformers") if not _release(name)]
    if missing:
        yield Finding(
            Level.WARN,
            "diffusers",
            f"not installed: {', '.join(missing)}; only the echo models can run",
            how_to_install("diffusers"),
        )
    else:
        yield Finding(
            Level.OK, "diffusers", f"torch {_release('torch')}, diffusers {_release('diffusers')}"
        )
    if find_spec("torchvision"):
        yield Finding(
            Level.FAIL,
            "torchvision",
            "is installed; a build that does not fit torch breaks every model",
            "pip uninstall torchvision",
        )


async def _gpu() -> Finding:
    if not _release("torch") or not _devices():
        return Finding(Level.WARN, "gpu", "none found; models run on the CPU, which is slow")
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _TORCH_SAYS, stdout=asyncio.subprocess.PIPE, stderr=None
    )
    told, _ = await child.communicate()
    names = told.decode().strip()
    if names:
        return Finding(Level.OK, "gpu", names)
    return Finding(
        Level.WARN,
        "gpu",
        "there is one, but this torch cannot use it; models run on the CPU",
        "install the build of torch for your driver; see pytorch.org",
    )


async def _judged(settings: Settings) -> Sequence[Finding]:
    """What to know of the lines on weights while a server runs, whose settings may be others."""
    try:
        await ask(settings, "endpoint", {})
    except DarkroomError:  # none runs, or none that can be asked; the line on the server tells
        return ()
    line = "judged with this shell's settings; the server that runs has its own"
    return (Finding(Level.OK, "weights", line),)


def _models(settings: Settings) -> Iterator[Finding]:
    try:
        models = load_catalogue(settings.models).models()
    except InvalidSetting as error:
        yield Finding(Level.FAIL, "models", str(error), "correct darkroom.yaml")
        return
    yield from _openai(settings, {one.path for one in models})
    means = Means(
        directory=settings.data_dir / "weights",
        tiny=settings.weights == "tiny",
        hub_url=settings.hub_url,
        token=bool(settings.hub_token or os.environ.get("HF_TOKEN")),
    )
    absent = False
    for model in models:
        told = standing(model.latest.config, means)
        absent = absent or told.stand is Stand.ABSENT
        yield Finding(_LEVELS[told.stand], "model", f"{model.path}: {told.line}", told.remedy)
    if absent:
        yield _offline(means)


def _offline(means: Means) -> Finding:
    """How weights come to a machine without a network; asked of nobody, so it is always told."""
    return Finding(
        Level.OK,
        "weights",
        f"come from {means.hub_url} (not asked now)",
        f"without a network: copy a model's folder into {means.directory.resolve()} from a machine"
        " that has it, name a folder as diffusers saves it under `weights:` in darkroom.yaml, or"
        " set DARKROOM_WEIGHTS=tiny for noise",
    )


def _egress(settings: Settings) -> Iterator[Finding]:
    try:
        AllowList.parse(settings.egress_allow)
    except InvalidSetting as error:
        yield Finding(Level.FAIL, "egress", str(error), "correct DARKROOM_EGRESS_ALLOW")
        return
    allowed = ", ".join(settings.egress_allow) or "nothing private"
    yield Finding(
        Level.OK, "egress", f"inputs and webhooks may use public addresses and: {allowed}"
    )


def _openai(settings: Settings, declared: Collection[str]) -> Iterator[Finding]:
    name = (settings.openai_model or "").partition(":")[0]
    if "/" in name and name not in declared:
        yield Finding(
            Level.WARN,
            "openai",
            f"openai_model: {name} does not ship and is not in darkroom.yaml",
            "well if it was made over the API; else correct DARKROOM_OPENAI_MODEL",
        )


def _variables(environment: Mapping[str, str]) -> Iterator[Finding]:
    unknown = unknown_variables(environment)
    if unknown:
        line = f"no such settings, so they do nothing: {', '.join(unknown)}"
        yield Finding(Level.WARN, "variables", line, "correct or unset them; `darkroom config`")


def _devices() -> bool:
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/kfd").exists()


def _release(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _nearest(folder: Path) -> Path:
    """*folder*, or the closest parent that exists."""
    return next(path for path in (folder.resolve(), *folder.resolve().parents) if path.exists())
