"""Every knob an operator has: its unit, default and reason. Read once, then frozen.

Order, later wins: defaults, `darkroom.yaml` (or the file DARKROOM_CONFIG names), then
`DARKROOM_…` in the environment, then flags. `${NAME}` in a text of the file takes a value from
the environment.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from urllib.parse import SplitResult, urlsplit

import yaml
from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_serializer,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from darkroom.domain import durations
from darkroom.domain.errors import InvalidIdentifier, InvalidSetting
from darkroom.domain.ids import is_version, parse_identifier
from darkroom.domain.model import Json
from darkroom.engine_settings import EngineFields
from darkroom.owner_settings import OwnerSettings, TermsOfOwners
from darkroom.pool_settings import PoolSettings, check_names
from darkroom.setting_faults import first_fault, not_json, not_yaml

CONFIG_VARIABLE = "DARKROOM_CONFIG"
CONFIG_NAME = "darkroom.yaml"
PREFIX = "DARKROOM_"
CLIENT_VARIABLES = frozenset({"DARKROOM_URL", "DARKROOM_TOKEN"})
"""What the command line reads besides: which server it speaks to, and with which key."""
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?")
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_DATABASE = re.compile(r"postgres(ql)?://")
_PASSWORD = re.compile(r"(?<=://)([^:/?#@]*:)[^/?#]*(?=@)|([?&]password=)[^&#]+")

CommaSeparated = Annotated[tuple[str, ...], NoDecode]


class Settings(EngineFields):
    """What an operator may set, each also as `DARKROOM_` and the name in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    data_dir: Path = Field(
        Path("darkroom-data"), description="Directory of the database, files, weights and sockets."
    )
    database_url: SecretStr | None = Field(
        None, description="postgresql://…: PostgreSQL instead of SQLite in the data directory."
    )
    files_url: str | None = Field(
        None,
        description="Where files are kept: s3://bucket/prefix, or nothing for the data directory.",
    )
    files_endpoint: str | None = Field(
        None, description="Address of the bucket's server, if it is not Amazon's."
    )
    host: str = Field("127.0.0.1", description="Address to listen on. Loopback unless you say so.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: str | None = Field(
        None, description="Scheme and host clients use, when a proxy stands in front; no path."
    )
    bootstrap_key: SecretStr | None = Field(
        None, description="An admin key, 16 characters or more, made or kept at every start."
    )
    worker_token: SecretStr | None = Field(
        None,
        description="A token for workers of the pool `default`, 16 characters or more, made or "
        "kept at every start.",
    )
    weights: Literal["hub", "tiny"] = Field(
        "hub", description="`hub` loads real weights; `tiny` makes random ones: pictures are noise."
    )
    hub_url: str = Field("https://huggingface.co", description="Where hf:// weights come from.")
    hub_token: SecretStr | None = Field(
        None, description="Token for gated weights on the hub (also read from HF_TOKEN)."
    )
    egress_allow: CommaSeparated = Field(
        (),
        description="Hosts, host:port or CIDRs that inputs and webhooks may reach though private.",
    )
    allowed_hosts: CommaSeparated = Field(
        (), description="Names accepted in the Host header, beside addresses and localhost."
    )
    pages: Literal["open", "private"] = Field(
        "open", description="`open`: whoever knows a prediction's id may look at its page."
    )
    workers: int = Field(1, ge=0, le=64, description="Worker processes on this machine.")
    echo_slots: int = Field(
        64, ge=1, le=4096, description="Runs of darkroom/echo a worker takes at once."
    )
    inline_outputs: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Outputs as data: URLs in blocking answers; `auto` does it on plain http.",
    )
    inline_limit_bytes: int = Field(
        10_000_000, ge=0, description="Largest sum of outputs that is inlined."
    )
    show_aborted: bool = Field(
        default=False,
        description="Show predictions past their deadline as `aborted`; older clients break on it.",
    )
    spool_bytes: int = Field(
        16_384, ge=0, description="A data: URL input longer than this becomes a file."
    )
    echo_limit_bytes: int = Field(
        65_536, ge=0, description="A spooled input longer than this is echoed as our own URL."
    )
    body_limit_bytes: int = Field(
        24 * 2**20, ge=1024, description="Largest request body: two pictures of 10 MB inlined."
    )
    fetch_limit_bytes: int = Field(
        32 * 2**20, ge=1024, description="Largest file fetched from a URL in an input."
    )
    max_pixels: int = Field(50_000_000, ge=64, description="Largest input picture, in pixels.")
    resident_models: int = Field(
        0, ge=0, description="Versions a worker keeps loaded at most; 0: as many as memory holds."
    )
    run_limit_seconds: float = Field(
        1800.0, gt=0, description="A run longer than this is ended as failed."
    )
    cancel_grace_seconds: float = Field(
        10.0, gt=0, description="A model that ignores a cancel this long is killed."
    )
    host_silence_seconds: float = Field(
        60.0, gt=2, description="A model's process that gives no sign of life this long is killed."
    )
    drain_seconds: float = Field(
        30.0, ge=0, le=50, description="How long a stopping server lets runs finish."
    )
    worker_silence_seconds: float = Field(
        10.0, gt=2, description="A worker silent or away for this long is given up."
    )
    fsync_files: bool = Field(
        default=False, description="Flush every file to disk before a run counts as ended."
    )
    retention: str = Field(
        "24h",
        coerce_numbers_to_str=True,
        description="How long inputs, outputs, logs and files are kept after a prediction's end; "
        "0 keeps them for ever.",
    )
    upload_retention: str = Field(
        "24h", coerce_numbers_to_str=True, description="How long an uploaded file is kept."
    )
    openai_model: str | None = Field(
        None, description="What runs on /v1/images/… where a request names no model."
    )
    openai_wait_seconds: float = Field(
        590.0,
        gt=0,
        description="How long an answer of /v1/images/… is held; OpenAI's clients wait 600 s.",
    )
    rate_limit: int = Field(
        600,
        ge=0,
        description="Creations a minute and key, other calls five times as many; 0 limits nothing.",
    )
    queue_limit: int = Field(
        0, ge=0, description="Predictions of one owner that have not ended; 0 for any number."
    )
    running_limit: int = Field(
        0, ge=0, description="Predictions of one owner that run at once; 0 for any number."
    )
    owners: TermsOfOwners = Field(
        default_factory=dict[str, OwnerSettings],
        description="Weight, priority and limits of owners, by name; see docs/fairness.md.",
    )
    stream_limit: int = Field(
        2000, ge=0, description="Open streams of one owner's predictions; 0 for any number."
    )
    wrong_key_limit: int = Field(
        30, ge=0, description="Wrong keys a minute from one address; 0 for any number."
    )
    adopt_orphans: bool = Field(
        default=True,
        description="Answer a request whose first answer got lost with what that one has made.",
    )
    min_free_bytes: int = Field(
        2**30,
        ge=0,
        description="With less free on the disk no prediction or upload is taken; 0 never minds.",
    )
    pools: Mapping[str, PoolSettings] = Field(
        default_factory=dict[str, PoolSettings],
        description="Pools of workers on a cluster, by name; see docs/ray.md.",
    )
    models: Mapping[str, Mapping[str, object]] = Field(
        default_factory=dict[str, Mapping[str, object]],
        description="Models of your own, by owner/name; see darkroom.example.yaml.",
    )

    @field_validator("egress_allow", "allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("pools")
    @classmethod
    def _named_well(cls, value: Mapping[str, PoolSettings]) -> Mapping[str, PoolSettings]:
        check_names(value)
        return value

    @field_validator("bootstrap_key", "worker_token")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 16:
            raise ValueError("must be 16 characters or longer")
        return value

    @field_validator("database_url")
    @classmethod
    def _of_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _DATABASE.match(value.get_secret_value()):
            raise ValueError("must begin with postgresql://; without it SQLite is used")
        return value

    @field_serializer("database_url", when_used="json")
    def _without_password(self, value: SecretStr | None) -> str | None:
        return None if value is None else _PASSWORD.sub(r"\1\2**********", value.get_secret_value())

    @field_validator("inline_outputs", mode="before")
    @classmethod
    def _yamls_own_words(cls, value: object) -> object:
        return ("off", "on")[value] if isinstance(value, bool) else value

    @field_validator("retention", "upload_retention")
    @classmethod
    def _a_span(cls, value: str, info: ValidationInfo) -> str:
        endless = value == "0" and info.field_name == "retention"
        if not endless and durations.milliseconds(value) is None:
            raise ValueError("must be a time such as 90s, 15m, 12h or 30d")
        return value

    @field_validator("openai_model")
    @classmethod
    def _names_a_model(cls, value: str | None) -> str | None:
        if value is not None and not is_version(value):
            try:
                parse_identifier(value)
            except InvalidIdentifier as error:
                raise ValueError(str(error)) from error
        return value

    @field_validator("public_url")
    @classmethod
    def _an_origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = _web_address(value)
        if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("must be a scheme and a host alone, such as https://example.org")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("files_url")
    @classmethod
    def _a_bucket(cls, value: str | None) -> str | None:
        if value is not None and not _BUCKET.fullmatch(value):
            raise ValueError(
                "must be s3://bucket or s3://bucket/prefix, the bucket 3 to 63 small letters, "
                "digits, dots, dashes, no dot or dash at an end; without it files are in data_dir"
            )
        return value

    @field_validator("hub_url", "files_endpoint")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        _web_address(value)
        return value.rstrip("/")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then the environment, then the operator's file."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, _file())


def load(flags: Mapping[str, Json]) -> Settings:
    """Read the settings of this process: *flags*, its environment and its working directory.

    Args:
        flags: what the command line set, by setting name.

    Raises:
        InvalidSetting: names the setting and what is wrong with it.
    """
    try:
        return Settings(**cast("dict[str, Any]", dict(flags)))
    except ValidationError as error:
        raise InvalidSetting(first_fault(error, Settings)) from error
    except SettingsError as error:  # a variable that should hold JSON and does not
        raise InvalidSetting(not_json(str(error), PREFIX)) from error


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Names in *environment* that begin as a setting's does, but that nothing reads."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    known |= CLIENT_VARIABLES | {CONFIG_VARIABLE}
    ours = (name for name in environment if name.upper().startswith(PREFIX))
    return sorted(name for name in ours if name.upper() not in known)


def _web_address(value: str) -> SplitResult:
    """The parts of an http(s) address that names a host and, if any, a port that exists.

    Raises:
        ValueError: it is something else.
    """
    parts = urlsplit(value)
    port = parts.port  # raises on a port that is no number
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError("must be an address that begins with http:// or https:// and names a host")
    return parts


def _file() -> dict[str, Json]:
    named = os.environ.get(CONFIG_VARIABLE)
    path = Path(named or CONFIG_NAME)
    if not named and not path.exists():
        return {}
    try:
        loaded = cast("Json", yaml.safe_load(path.read_text("utf-8")))
    except OSError as error:
        raise InvalidSetting(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InvalidSetting(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except (yaml.YAMLError, ValueError) as error:  # the latter from a date that does not exist
        raise InvalidSetting(f"{path}: is not YAML: {not_yaml(error)}") from error
    if not isinstance(loaded, Mapping | None):
        raise InvalidSetting(f"{path}: must be a mapping of settings")
    return {name: _filled(value, path) for name, value in _named(loaded or {}, path)}


def _filled(value: Json, path: Path) -> Json:
    """*value* with every `${NAME}` in its texts replaced."""

    def found(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            raise InvalidSetting(f"{path}: names ${{{name}}}, which is not in the environment")
        return os.environ[name]

    match value:
        case str():
            return _REFERENCE.sub(found, value)
        case Mapping():
            return {name: _filled(inner, path) for name, inner in _named(value, path)}
        case list():
            return [_filled(inner, path) for inner in value]
        case _:
            return value


def _named(mapping: Mapping[str, Json], path: Path) -> Iterator[tuple[str, Json]]:
    """The items of *mapping*, whose keys YAML may have read as numbers, dates or nothing."""
    for name, value in mapping.items():
        if not isinstance(cast("object", name), str):
            raise InvalidSetting(f"{path}: the key {name!r} is not text; write it in quotes")
        yield name, value
