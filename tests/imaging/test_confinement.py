"""The child from inside: what a decoder that a picture has taken over can still do."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path
from socket import create_server

import pytest
from tests.imaging import intruder
from tests.imaging.pictures import encoded, quarters

from darkroom.imaging.pool import DecoderPool


@pytest.fixture
def targets(tmp_path: Path) -> Generator[intruder.Targets]:
    (tmp_path / "database").write_bytes(b"rows")
    with create_server(("127.0.0.1", 0)) as listener:
        yield intruder.Targets(str(tmp_path), listener.getsockname()[1], os.getpid())


@pytest.fixture
def taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Children of a pool made from now on are intruders."""
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} {intruder.__file__} "$@"\n')
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))


async def report(targets: intruder.Targets, to: Path) -> dict[str, object]:
    picture = encoded(quarters(), "PNG") + targets.packed()
    async with DecoderPool(processes=1) as pool:
        await pool.decode(picture, to)
    return intruder.read_back(to.read_bytes())  # noqa: ASYNC240  # a few hundred bytes


@pytest.mark.usefixtures("taken_over")
async def test_a_taken_over_decoder_reaches_nothing(
    targets: intruder.Targets, tmp_path: Path
) -> None:
    assert (await report(targets, tmp_path / "p"))["succeeded"] == []
    assert Path(targets.database).read_bytes() == b"rows"  # noqa: ASYNC240  # four bytes


@pytest.mark.usefixtures("taken_over")
async def test_a_taken_over_decoder_sees_neither_secrets_nor_our_files(
    targets: intruder.Targets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DARKROOM_BOOTSTRAP_KEY", "a-key-of-sixteen-characters")
    secret = os.open(targets.database, os.O_RDONLY)
    os.set_inheritable(secret, True)  # noqa: FBT003  # the library's signature
    try:
        seen = await report(targets, tmp_path / "p")
    finally:
        os.close(secret)
    assert seen["descriptors"] == [0, 1, 2, 3, 4]
    environment = seen["environment"]
    assert isinstance(environment, dict)
    assert environment.keys() <= {"LC_CTYPE", "PWD", "SHLVL", "_", "OLDPWD"}  # sh's and Python's


def test_every_attempt_succeeds_where_nothing_confines_it(targets: intruder.Targets) -> None:
    words = [sys.executable, intruder.__file__, "unconfined", json.dumps(asdict(targets))]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    tried = list(intruder.attempts(targets))
    assert json.loads(ended.stdout.splitlines()[-1]) == tried[:-1]
