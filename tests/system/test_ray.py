"""From a prediction that nobody runs to a worker on a Ray cluster, and back to none."""

import asyncio
import json
import signal
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from tests.cli.conftest import Shell, environment
from tests.placers import ray_rig

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
POOLS = "pools: {default: {max: 1, idle: 3s, target_wait: 1s, cpus: 1}}"


@asynccontextmanager
async def served(folder: Path) -> AsyncGenerator[tuple[Shell, str]]:
    """A server without workers, and its address."""
    (folder / "darkroom.yaml").write_text(POOLS)
    shell = Shell(folder, environment(folder / "data"))
    with shell.start("serve", "--port", "0", "--workers", "0") as process:
        assert process.stdout is not None
        yield shell, process.stdout.readline().split()[-1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def key(shell: Shell, *words: str) -> str:
    made = shell("keys", "create", *words, "--json")
    return cast("str", json.loads(made.stdout)["key"])


async def connected(shell: Shell, count: int) -> None:
    """Wait until so many workers of the pool are connected."""
    async with asyncio.timeout(120):
        while True:
            told = json.loads(shell("pools", "list", "--json").stdout)
            (pool,) = cast("list[Mapping[str, list[object]]]", told["results"])
            if len(pool["workers"]) == count:
                return
            await asyncio.sleep(0.2)


async def test_a_pool_grows_from_nothing_for_a_prediction_and_shrinks_to_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    tokens, nodes = tmp_path_factory.mktemp("tokens"), tmp_path_factory.mktemp("nodes")
    on_nodes = {"DARKROOM_DATA_DIR": str(nodes)}
    async with (
        served(tmp_path_factory.mktemp("server")) as (shell, url),
        ray_rig.cluster(nodes, gpus={"a": 1}, environment=on_nodes) as rig,
    ):
        (tokens / "default").write_text(key(shell, "--worker", "--pool", "default"))
        admin = key(shell, "--owner", "admin", "--admin")
        placing = Shell(shell.folder, dict(rig.environment))
        words = ("--server", url, "--token", admin, "--tokens", str(tokens))
        with placing.start("placer", *words, "--address", rig.address) as placer:
            done = shell("run", "darkroom/echo-text", "-i", "prompt=from none to one")
            assert done.stdout == "from none to one\n", done.stderr
            await connected(shell, 1)
            await connected(shell, 0)
            placer.send_signal(signal.SIGTERM)
            assert placer.wait(30) == 0
