"""A verb reaches the running server over its socket; without one it is told that nobody listens."""

import asyncio
import stat
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.support.keys import KeysInMemory

from darkroom.compose.clock import SystemClock
from darkroom.compose.control import ask, control_path, perform, reply
from darkroom.domain.errors import InvalidSetting, NoServer, NotFound, PeerMisbehaved, Refused
from darkroom.protocol.link import Link
from darkroom.protocol.messages import Ask
from darkroom.service.keys import Keys
from darkroom.settings import Settings, load


def make_keys() -> Keys:
    return Keys(KeysInMemory(), SystemClock(), lambda size: bytes(size))


def settings(folder: Path) -> Settings:
    return load({"data_dir": str(folder)})


@asynccontextmanager
async def listening(path: Path, keys: Keys | None) -> AsyncGenerator[None]:
    """The server's half: answers with *keys*, or hangs up when there are none."""
    loop = asyncio.get_running_loop()
    answering: set[asyncio.Task[None]] = set()

    def connection() -> Link[Ask]:
        def received(question: Ask) -> None:
            task = loop.create_task(answer(question))
            answering.add(task)

        async def answer(question: Ask) -> None:
            if keys is None:
                link.close()
                return
            link.send(await reply(keys, question, url="http://127.0.0.1:8000"))

        link = Link[Ask](Ask, received=received, closed=lambda: None)
        return link

    server = await loop.create_unix_server(connection, str(path))
    async with server:
        yield


async def test_the_endpoint_comes_with_a_token_that_opens_the_door(tmp_path: Path) -> None:
    keys = make_keys()
    async with listening(control_path(settings(tmp_path)), keys):
        told = await ask(settings(tmp_path), "endpoint", {})
    assert isinstance(told, dict)
    assert told["url"] == "http://127.0.0.1:8000"
    assert keys.authenticate(str(told["token"])) is not None


async def test_a_key_made_through_the_server_works_there_at_once(tmp_path: Path) -> None:
    keys = make_keys()
    async with listening(control_path(settings(tmp_path)), keys):
        words = {"owner": "alice", "admin": False, "expires": "1h"}
        made = await ask(settings(tmp_path), "keys.create", words)
        shown = await ask(settings(tmp_path), "keys.list", {})
    assert isinstance(made, dict)
    assert set(made) == {"id", "key", "owner", "expires_at"}
    found = keys.authenticate(str(made["key"]))
    assert found is not None
    assert found.owner == "alice"
    assert str(made["key"]) not in repr(shown)


async def test_a_problem_comes_back_as_its_sentence_and_status(tmp_path: Path) -> None:
    async with listening(control_path(settings(tmp_path)), make_keys()):
        for verb, words, status in (
            ("keys.create", {"owner": "a b"}, 422),
            ("keys.revoke", {"id": "key_nothing"}, 404),
            ("keys.shred", {}, 500),
        ):
            with pytest.raises(Refused) as caught:
                await ask(settings(tmp_path), verb, words)
            assert caught.value.status == status


async def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(NoServer, match="darkroom serve"):
        await ask(settings(tmp_path / "not there"), "endpoint", {})


async def test_a_socket_left_behind_is_nobody(tmp_path: Path) -> None:
    async with listening(control_path(settings(tmp_path)), make_keys()):
        path = control_path(settings(tmp_path))
        left = path.rename(path.with_suffix(".left"))
    left.rename(path)
    with pytest.raises(NoServer):
        await ask(settings(tmp_path), "endpoint", {})


async def test_a_server_that_hangs_up_is_told_so(tmp_path: Path) -> None:
    async with listening(control_path(settings(tmp_path)), None):
        with pytest.raises(NoServer, match="closed the connection"):
            await ask(settings(tmp_path), "endpoint", {})


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A place for private folders whose path is short, wherever pytest has its own."""
    with TemporaryDirectory() as place:
        monkeypatch.setenv("XDG_RUNTIME_DIR", place)
        yield


@pytest.mark.usefixtures("private")
async def test_a_long_path_gets_a_short_one(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    path = control_path(settings(deep))
    assert len(bytes(path)) <= 100
    assert path == control_path(settings(deep))
    assert path != control_path(settings(deep / "other"))
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.usefixtures("private")
async def test_an_open_folder_is_refused(tmp_path: Path) -> None:
    folder = control_path(settings(tmp_path / ("d" * 120))).parent
    folder.chmod(0o777)
    with pytest.raises(InvalidSetting, match="private"):
        control_path(settings(tmp_path / ("d" * 120)))


async def test_without_a_server_the_same_verbs_run_here() -> None:
    keys = make_keys()
    made = await perform(keys, "keys.create", {"owner": "alice"})
    assert isinstance(made, dict)
    assert made["expires_at"] is None
    revoked = await perform(keys, "keys.revoke", {"id": made["id"]})
    assert isinstance(revoked, dict)
    with pytest.raises(NotFound):
        await perform(keys, "keys.revoke", {"id": "key_nothing"})
    with pytest.raises(PeerMisbehaved, match="missing"):
        await perform(keys, "keys.create", {})
    with pytest.raises(NoServer):
        await perform(keys, "endpoint", {})
