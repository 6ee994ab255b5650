"""`darkroom weights` against a hub on loopback: what a person types, and what they are told."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

import pytest
from tests.cli.conftest import Shell
from tests.egress.loopback import Loopback, serving
from tests.weights.hub import COMMIT, REPO, FakeHub

Row: TypeAlias = Mapping[str, object]
HERE = f"hf://{REPO}"
HUGE = 2**40
"""Bytes of a file with nothing in it, which take an hour to hash."""
MODELS = json.dumps(
    {
        "acme/portraits": {
            "runner": "diffusers",
            "family": "stable-diffusion",
            "weights": HERE,
            "loras": [{"weights": f"{HERE}/portraits.safetensors", "scale": 0.8}],
        }
    }
)


@dataclass(frozen=True)
class Desk:
    """A command line, the hub it finds, and where it keeps what it pulls."""

    shell: Shell
    hub: FakeHub
    server: Loopback

    async def __call__(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return await asyncio.to_thread(self.shell, "weights", *words)

    async def told(self, *words: str) -> list[Row]:
        return cast("list[Row]", json.loads((await self(*words, "--json")).stdout))

    @property
    def folder(self) -> Path:
        data = Path(self.shell.environment["DARKROOM_DATA_DIR"])
        return data / "weights" / "acme--portraits" / COMMIT


@pytest.fixture
async def desk(alone: Shell) -> AsyncGenerator[Desk]:
    hub = FakeHub()
    async with serving(hub) as server:
        found = {"DARKROOM_HUB_URL": server.url(), "DARKROOM_MODELS": MODELS}
        yield Desk(Shell(alone.folder, {**alone.environment, **found}), hub, server)


def mine(rows: list[Row]) -> dict[str, object]:
    return {str(one["part"]): one["state"] for one in rows if one["weights"] == HERE}


async def test_a_model_is_pulled_with_all_it_needs_and_tells_its_commit(desk: Desk) -> None:
    assert mine(await desk.told("list")) == {"None": "absent", "portraits.safetensors": "absent"}
    done = await desk("pull", "acme/portraits")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert COMMIT[:12] in done.stdout
    assert "downloading acme/portraits (3 MB)" in done.stderr
    assert "100%|##########| 3/3 MB" in done.stderr
    rows = await desk.told("list")
    assert mine(rows) == {"None": "complete", "portraits.safetensors": "complete"}
    (whole,) = (one for one in rows if one["weights"] == HERE and one["part"] is None)
    assert (whole["commit"], whole["revision"]) == (COMMIT, "main")
    assert (whole["for"], whole["path"]) == (["acme/portraits weights"], str(desk.folder))


async def test_a_pull_that_is_there_asks_nobody(desk: Desk) -> None:
    await desk("pull", "acme/portraits")
    asked = desk.server.accepted
    assert (await desk("pull", "acme/portraits")).returncode == 0
    assert desk.server.accepted == asked


async def test_a_repository_may_be_pulled_by_its_address(desk: Desk) -> None:
    (row,) = await desk.told("pull", HERE, "--revision", COMMIT)
    assert (row["commit"], row["state"]) == (COMMIT, "complete")
    (file,) = await desk.told("pull", f"{HERE}/portraits.safetensors")
    assert file["part"] == "portraits.safetensors"


def with_models(desk: Desk, **weights: str) -> Desk:
    entry = {"runner": "diffusers", "family": "stable-diffusion"}
    models = {f"acme/{name}": {**entry, "weights": one} for name, one in weights.items()}
    environment = {**desk.shell.environment, "DARKROOM_MODELS": json.dumps(models)}
    return Desk(Shell(desk.shell.folder, environment), desk.hub, desk.server)


async def test_a_revision_goes_before_the_one_that_a_model_is_pinned_to(desk: Desk) -> None:
    desk.hub.revisions = ("v1", "v2")
    pinned = with_models(desk, pinned=f"{HERE}@v1")
    (row,) = await pinned.told("pull", "acme/pinned", "--revision", "v2")
    assert (row["revision"], row["state"]) == ("v2", "complete")
    (row,) = await pinned.told("pull", f"{HERE}@v1", "--revision", "v2")
    assert row["revision"] == "v2"


async def test_a_repository_is_pulled_at_the_revision_that_a_model_names(desk: Desk) -> None:
    desk.hub.revisions = ("v1",)
    pinned = with_models(desk, pinned=f"{HERE}@v1")
    (row,) = await pinned.told("pull", HERE)
    assert (row["revision"], row["for"]) == ("v1", ["acme/pinned weights"])
    refused = await pinned("pull", HERE, "--revision", "main")
    assert "at revision main (HTTP 404)" in refused.stderr


async def test_weights_of_ones_own_have_no_revision(desk: Desk) -> None:
    done = await with_models(desk, mine="./mine")("pull", "acme/mine", "--revision", "v2")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "--revision: is for weights of the hub, and these are mine" in done.stderr


async def test_weights_of_ones_own_that_are_gone_are_not_well(desk: Desk) -> None:
    done = await with_models(desk, mine="./mine")("verify", "acme/mine")
    assert done.returncode == 1
    assert "damaged   mine: there is no such file or folder" in done.stdout


async def test_ctrl_c_ends_a_pull_and_the_next_one_goes_on(desk: Desk) -> None:
    desk.hub.stalls = asyncio.Event()
    process = desk.shell.start("weights", "pull", HERE)
    partial = desk.folder.with_name(f"{COMMIT}.partial") / "unet"
    arriving = partial / "diffusion_pytorch_model.safetensors.part"
    with process:
        while size_of(arriving) < 1_000_000 and process.poll() is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # another process writes it
        process.send_signal(signal.SIGINT)
        _, told = await asyncio.to_thread(process.communicate)
    assert (process.returncode, "Traceback" in told) == (130, False)
    assert "goes on where it ended" in told
    assert mine(await desk.told("list"))["None"] == "partial"
    desk.hub.stalls.set()
    desk.hub.stalls = None
    before, held = len(desk.server.requests), size_of(arriving)
    assert (await desk("pull", HERE)).returncode == 0
    ranges = [one.headers.get("range") for one in desk.server.requests[before:]]
    assert [one for one in ranges if one] == [f"bytes={held}-"]


def size_of(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


async def test_a_damaged_file_is_told_by_name_and_repaired(desk: Desk) -> None:
    await desk("pull", "acme/portraits")
    well = await desk("verify")
    assert (well.returncode, well.stdout.count("well  ")) == (0, 2)
    file = desk.folder / "unet" / "diffusion_pytorch_model.safetensors"
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    bad = await desk("verify", "acme/portraits")
    assert bad.returncode == 1
    assert "damaged   hf://acme/portraits" in bad.stdout
    assert "unet/diffusion_pytorch_model.safetensors" in bad.stdout
    mended = await desk("verify", HERE, "--repair")
    assert (mended.returncode, "repaired" in mended.stdout) == (0, True)
    assert file.read_bytes() == data
    assert (await desk("verify")).returncode == 0


async def test_ctrl_c_ends_a_look_at_what_is_here_at_once(desk: Desk) -> None:
    await desk("pull", HERE)
    file = desk.folder / "unet" / "diffusion_pytorch_model.safetensors"
    manifest = desk.folder / "darkroom-weights.json"
    text = manifest.read_text().replace(str(file.stat().st_size), str(HUGE))
    manifest.write_text(text)
    os.truncate(file, HUGE)
    process = desk.shell.start("weights", "verify", HERE)
    with process:
        assert process.stderr
        assert "looking at" in await asyncio.to_thread(process.stderr.readline)
        process.send_signal(signal.SIGINT)
        try:
            _, told = await asyncio.to_thread(process.communicate, timeout=60)
        finally:
            process.kill()
    assert (process.returncode, "Interrupted." in told) == (130, True)


async def test_what_is_removed_is_asked_about_first(desk: Desk) -> None:
    await desk("pull", "acme/portraits")
    asked = await desk("rm", "acme/portraits")
    assert asked.returncode == 2
    assert "--yes is missing" in asked.stderr
    assert desk.folder.is_dir()
    gone = await desk("rm", "acme/portraits", "--yes")
    assert (gone.returncode, gone.stdout) == (0, "Removed 3.0 MB.\n")
    assert "the next prediction downloads it again" in gone.stderr
    assert mine(await desk.told("list")) == {"None": "absent", "portraits.safetensors": "absent"}
    assert (await desk("rm", "acme/portraits", "--yes")).returncode == 1


async def test_what_another_model_needs_stays(desk: Desk) -> None:
    models = json.loads(MODELS)
    models["acme/plain"] = {**models["acme/portraits"], "loras": []}
    shell = Shell(
        desk.shell.folder, {**desk.shell.environment, "DARKROOM_MODELS": json.dumps(models)}
    )
    both = Desk(shell, desk.hub, desk.server)
    await both("pull", "acme/portraits")
    done = await both("rm", "acme/portraits", "--yes")
    assert "hf://acme/portraits stays, for acme/plain needs it too" in done.stderr
    assert mine(await both.told("list")) == {"None": "complete", "portraits.safetensors": "absent"}
    assert (await both("rm", HERE, "--yes")).returncode == 0
    assert mine(await both.told("list"))["None"] == "absent"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("pull", "acme/nothing"), 1, "there is no model acme/nothing here"),
        (("pull", "hf://acme"), 2, "NAME: must be hf://owner/repo"),
        (("pull", "hf://acme/else"), 1, "HTTP 404"),
        (("verify", "hf://acme/else"), 1, "there is nothing of hf://acme/else here"),
        (("rm", "hf://acme/else", "--yes"), 1, "there is nothing of hf://acme/else here"),
        (("pull",), 2, "NAME"),
    ],
)
async def test_a_name_that_means_nothing_says_so(
    desk: Desk, words: tuple[str, ...], code: int, told: str
) -> None:
    done = await desk(*words)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert told in done.stderr


async def test_a_model_without_weights_needs_none(desk: Desk) -> None:
    done = await desk("pull", "darkroom/echo")
    assert (done.returncode, done.stdout) == (0, "darkroom/echo needs no weights.\n")
