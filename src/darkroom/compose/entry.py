"""What the command line starts. Everything heavy is imported by the function that needs it.

`darkroom --help` reads this module and pays for none of its parts.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from darkroom.domain.errors import NoServer
from darkroom.domain.model import Json
from darkroom.domain.weights_kept import Kept, Verdict

if TYPE_CHECKING:
    from darkroom.compose.checkup import Finding
    from darkroom.settings import Settings

Flags = Mapping[str, Json]
"""What the command line set, by setting name."""


def settings(flags: Flags) -> "Settings":
    """The settings of this process.

    Raises:
        InvalidSetting: names the setting and what is wrong with it.
    """
    from darkroom.settings import load

    return load(flags)


def usable_settings(flags: Flags) -> "Settings":
    """The settings of this process, looked at as a server does before it starts.

    Raises:
        InvalidSetting: as `settings`; also an entry of `models` or `egress_allow` that makes no
            sense.
    """
    from darkroom.egress.allow import AllowList
    from darkroom.service.catalogue import load_catalogue

    chosen = settings(flags)
    AllowList.parse(chosen.egress_allow)
    load_catalogue(chosen.models)
    return chosen


def unknown_variables() -> list[str]:
    """Variables of this process that look like settings but are none."""
    from darkroom.settings import unknown_variables

    return unknown_variables(os.environ)


def serve(flags: Flags) -> int:
    """Run the server until it is told to stop; returns the process's exit code."""
    from darkroom.compose.server import main

    return main(usable_settings(flags))


def worker(flags: Flags, *, socket: Path, name: str, parent: int | None) -> int:
    """Run one worker until its server, process *parent*, is gone; returns its exit code."""
    from darkroom.compose.worker import main

    return main(settings(flags), socket=socket, name=name, parent=parent)


def remote_worker(flags: Flags, *, server: str, token: str, name: str | None) -> int:
    """Run one worker of the server at an address until it is told to stop; returns its exit code.

    Raises:
        InvalidSetting: the address, the name or a setting cannot be used.
    """
    from darkroom.compose.remote_worker import main

    return main(settings(flags), server=server, token=token, name=name)


def placer(
    ask: Callable[[], Json], *, server: str, address: str, tokens: str | None, open_allowed: bool
) -> int:
    """Keep as many workers on a Ray cluster as a server wants; returns the process's exit code.

    Args:
        ask: gives what `/api/pools` of the server answers.
        server: where the workers find it.
        address: of the cluster's head, `host:port`.
        tokens: a folder on the nodes that holds a worker's token for each pool.
        open_allowed: whether the cluster may be one that asks nobody for a token.
    """
    from darkroom.compose.placer import main

    return main(ask, server=server, address=address, tokens=tokens, open_allowed=open_allowed)


def placer_stop(*, address: str, open_allowed: bool) -> int:
    """Drain and remove every worker that a placer has put on the cluster."""
    from darkroom.compose.placer import stop

    return stop(address=address, open_allowed=open_allowed)


def endpoint(flags: Flags) -> tuple[str, str]:
    """The address of the running server of the data directory, and a token for it.

    Raises:
        NoServer: none is running.
    """
    from darkroom.compose.control import ask

    words = asyncio.run(ask(settings(flags), "endpoint", {}))
    told = cast("Mapping[str, str]", words)
    return told["url"], told["token"]


def command(flags: Flags, verb: str, words: Mapping[str, Json]) -> Json:
    """Do *verb* through the running server, or without one on the data directory itself.

    Raises:
        Refused: the running server says why it did not.
        DirectoryInUse: a server holds the directory but does not listen; see `control.ask`.
    """
    return asyncio.run(_command(settings(flags), verb, words))


def checkup(flags: Flags) -> "list[Finding]":
    """Everything `darkroom doctor` looks at."""
    from darkroom.compose.checkup import look

    return asyncio.run(look(settings(flags)))


def db_upgrade(flags: Flags) -> int:
    """Upgrade the database; returns its schema."""
    from darkroom.compose.storage import upgrade

    return asyncio.run(upgrade(settings(flags)))


def db_check(flags: Flags) -> Sequence[str]:
    """What is wrong with the database."""
    from darkroom.compose.storage import check

    return asyncio.run(check(settings(flags)))


def db_backup(flags: Flags, folder: Path, *, with_files: bool) -> tuple[int, int]:
    """Back up into *folder*; returns files and bytes."""
    from darkroom.compose.storage import backup

    kept = backup(settings(flags), folder, with_files=with_files).files.values()
    return len(kept), sum(one.size_bytes for one in kept)


def db_restore(flags: Flags, folder: Path, *, with_files: bool) -> tuple[int, int]:
    """Restore from *folder*; returns files and bytes."""
    from darkroom.compose.storage import restore

    kept = restore(settings(flags), folder, with_files=with_files).files.values()
    return len(kept), sum(one.size_bytes for one in kept)


def db_move(flags: Flags, url: str) -> Mapping[str, int]:
    """Move to the PostgreSQL at *url*; returns rows by table."""
    from darkroom.compose.storage import move

    checked = settings({**flags, "database_url": url})
    return asyncio.run(move(checked, url))


def weights_find(flags: Flags, name: str | None) -> Sequence[Kept]:
    """What of weights is here and what models need; of *name* alone, if there is one.

    Raises:
        NotFound: there is nothing of that name.
    """
    from darkroom.compose.weights import find

    return find(settings(flags), name)


def weights_pull(
    flags: Flags, name: str, revision: str | None, log: Callable[[str], None]
) -> Sequence[Kept]:
    """Pull what *name* needs; returns where it is.

    Raises:
        NotFound: there is no model of that name.
        WeightsUnavailable: a sentence that says what to do.
    """
    from darkroom.compose.weights import pull

    return asyncio.run(pull(settings(flags), name, revision, log))


def weights_verify(
    flags: Flags, name: str | None, log: Callable[[str], None], *, repair: bool
) -> Sequence[Verdict]:
    """Look at every byte of what was pulled, and pull damaged files anew if *repair* says so.

    Raises:
        NotFound: there is nothing of that name.
        WeightsUnavailable: a repair fails.
    """
    from darkroom.compose.weights import verify

    return verify(settings(flags), name, log, repair=repair)


def weights_remove(kept: Sequence[Kept]) -> None:
    """Delete what came from the hub.

    Raises:
        WeightsUnavailable: somebody pulls it just now.
    """
    from darkroom.compose.weights import remove

    asyncio.run(remove(kept))


def serves(flags: Flags) -> bool:
    """Whether a server runs in the data directory."""
    from darkroom.compose.weights import serves

    return asyncio.run(serves(settings(flags)))


async def _command(chosen: "Settings", verb: str, words: Mapping[str, Json]) -> Json:
    from darkroom.compose.control import ask

    try:
        return await ask(chosen, verb, words)
    except NoServer:
        return await _offline(chosen, verb, words)


async def _offline(chosen: "Settings", verb: str, words: Mapping[str, Json]) -> Json:
    from darkroom.compose.clock import SystemClock
    from darkroom.compose.control import perform
    from darkroom.compose.directory import open_database
    from darkroom.service.keys import Keys
    from darkroom.store.keys import KeyTables

    async with open_database(chosen) as database:
        keys = Keys(KeyTables(database), SystemClock(), os.urandom)
        await keys.load()
        return await perform(keys, verb, words)
