"""How a verb of the command line reaches the server of a data directory, or does without one.

A running server listens on a Unix socket in its data directory. Whoever may open that file is
the operator: the socket carries no other proof. Both ends run the same `perform`.
"""

import asyncio
import hashlib
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import msgspec

from darkroom.domain.errors import (
    DarkroomError,
    InvalidSetting,
    NoServer,
    NotFound,
    PeerMisbehaved,
    Refused,
)
from darkroom.domain.model import Json
from darkroom.domain.prediction import Milliseconds
from darkroom.http.times import iso
from darkroom.ports.keys import ApiKey
from darkroom.protocol.link import Link
from darkroom.protocol.messages import Answer, Ask
from darkroom.service.keys import Keys
from darkroom.settings import Settings

SOCKET = "darkroom.sock"
LONGEST_PATH_BYTES = 100
"""Unix sockets have 108 bytes for their path on Linux, 104 on macOS."""

ANSWER_SECONDS = 10.0
_STATUS: Mapping[type[Exception], int] = {InvalidSetting: 422, NotFound: 404}


def control_path(settings: Settings) -> Path:
    """Where the server of this data directory listens for the command line.

    It is `darkroom.sock` in the data directory. When that path is too long for a socket, it is
    a name made from it in a private folder, which this call makes.

    Raises:
        InvalidSetting: the private folder exists but is not private, or its path is long too.
    """
    plain = settings.data_dir.resolve() / SOCKET
    if _fits(plain):
        return plain
    name = hashlib.sha256(os.fsencode(plain)).hexdigest()[:16] + ".sock"
    for parent in filter(None, (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir())):
        short = _private_folder(Path(parent)) / name
        if _fits(short):
            return short
    raise InvalidSetting(f"data_dir: {settings.data_dir} is too long a path; choose a shorter one")


async def ask(settings: Settings, verb: str, words: Mapping[str, Json]) -> Json:
    """Have the running server of this data directory do *verb*.

    Raises:
        NoServer: nobody listens, or nobody answers in time.
        Refused: the server says why it did not.
    """
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Answer] = loop.create_future()
    link = Link[Answer](
        Answer,
        received=lambda answer: _settle(answered, answer),
        closed=lambda: _settle(answered, None),
    )
    path = control_path(settings)
    try:
        await loop.create_unix_connection(lambda: link, str(path))
    except OSError as error:
        raise NoServer(
            f"no server is running in {settings.data_dir}; start one with `darkroom serve`"
        ) from error
    link.send(Ask(verb=verb, words=msgspec.json.encode(words).decode()))
    try:
        answer = await asyncio.wait_for(answered, ANSWER_SECONDS)
    except TimeoutError as error:
        raise NoServer(f"the server in {settings.data_dir} does not answer") from error
    finally:
        link.close()
    if answer.problem is not None:
        raise Refused(answer.problem, status=int(answer.words))
    return cast("Json", msgspec.json.decode(answer.words))


async def reply(keys: Keys, question: Ask, *, url: str) -> Answer:
    """Answer the command line, as the running server does; a problem becomes part of the answer.

    Args:
        keys: the server's own.
        question: as it came over the socket.
        url: where the server answers, such as `http://127.0.0.1:8000`.
    """
    try:
        words = msgspec.json.decode(question.words, type=dict[str, object])
        done = await perform(keys, question.verb, cast("Mapping[str, Json]", words), url=url)
    except (DarkroomError, msgspec.DecodeError) as error:
        return Answer(words=str(_status(error)), problem=str(error))
    return Answer(words=msgspec.json.encode(done).decode(), problem=None)


async def perform(
    keys: Keys, verb: str, words: Mapping[str, Json], *, url: str | None = None
) -> Json:
    """Do *verb*: what `reply` tells, and what the command line does itself without a server.

    Args:
        keys: of this data directory, loaded.
        verb: `keys.create`, `keys.create_worker`, `keys.list`, `keys.revoke` or `endpoint`.
        words: its arguments by name.
        url: where the running server answers; None when there is none.

    Raises:
        InvalidSetting: a word cannot be used.
        NotFound: there is no such key.
        NoServer: the verb needs a running server.
        PeerMisbehaved: there is no such verb, or a word is missing.
    """
    match verb:
        case "keys.create":
            return await _create(keys, words)
        case "keys.create_worker":
            return await _create_worker(keys, words)
        case "keys.list":
            return [_shown(key) for key in await keys.list()]
        case "keys.revoke":
            return await _revoke(keys, _text(words, "id"))
        case "endpoint" if url is not None:
            return {"url": url, "token": keys.local_access()}
        case "endpoint":
            raise NoServer("no server is running; start one with `darkroom serve`")
        case _:
            raise PeerMisbehaved(f"this server does not know the verb {verb[:40]!r}; restart it")


async def _create(keys: Keys, words: Mapping[str, Json]) -> Json:
    key, secret = await keys.create(
        _text(words, "owner"),
        admin=words.get("admin") is True,
        expires_at=_expiry(keys, words),
    )
    return _made(key, secret)


async def _create_worker(keys: Keys, words: Mapping[str, Json]) -> Json:
    key, secret = await keys.create_worker(_text(words, "pool"), expires_at=_expiry(keys, words))
    return {**_made(key, secret), "pool": key.pool}


def _expiry(keys: Keys, words: Mapping[str, Json]) -> Milliseconds | None:
    expires = words.get("expires")
    return keys.expiry(expires) if isinstance(expires, str) else None


def _made(key: ApiKey, secret: str) -> dict[str, Json]:
    return {
        "id": key.id,
        "key": secret,
        "owner": key.owner,
        "expires_at": _iso(key.expires_at),
    }


async def _revoke(keys: Keys, key_id: str) -> Json:
    key = await keys.revoke(key_id)
    if key is None:
        raise NotFound(f"there is no key {key_id[:80]!r}; see `darkroom keys list`")
    return _shown(key)


def _status(error: Exception) -> int:
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)


def _shown(key: ApiKey) -> Json:
    return {
        "id": key.id,
        "owner": key.owner,
        "admin": key.admin,
        "hint": key.hint,
        "created_at": _iso(key.created_at),
        "expires_at": _iso(key.expires_at),
        "revoked_at": _iso(key.revoked_at),
        "pool": key.pool,
    }


def _iso(moment: Milliseconds | None) -> str | None:
    return None if moment is None else iso(moment)


def _text(words: Mapping[str, Json], name: str) -> str:
    value = words.get(name)
    if not isinstance(value, str):
        raise PeerMisbehaved(f"the word {name!r} is missing")
    return value


def _settle(answered: asyncio.Future[Answer], answer: Answer | None) -> None:
    if answered.done():
        return
    if answer is None:
        answered.set_exception(NoServer("the server closed the connection before it answered"))
    else:
        answered.set_result(answer)


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= LONGEST_PATH_BYTES


def _private_folder(parent: Path) -> Path:
    folder = parent / f"darkroom-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not private or found.st_mode & 0o077:
        raise InvalidSetting(
            f"{folder} is not a private folder of yours; remove it, or choose a data directory "
            "with a shorter path"
        )
    return folder
