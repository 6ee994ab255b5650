"""Weights from a fake hub on loopback, from folders, and at random."""

import asyncio
import itertools
import re
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.egress.loopback import Loopback, serving
from tests.support.versions import make_spec
from tests.weights.hub import COMMIT, NEEDED, REPO, FakeHub, index, tensors

from darkroom.domain.errors import WeightsUnavailable
from darkroom.egress.fetch import GuardedFetcher
from darkroom.protocol.messages import VersionSpec
from darkroom.weights.pull import Hub
from darkroom.weights.source import Weights
from darkroom.weights.standing import GATED, Means, Stand, Standing, standing

TIME = r"(\d+:)?\d\d:\d\d"
BAR = re.compile(rf"[ \d]{{3}}%\|#*\d? *\| \d+/\d+ MB \[{TIME}<({TIME}|\?), ( *\d+\.\d\d|\?)MB/s\]")


@dataclass
class Bench:
    """A source of weights before a fake hub, and what it has said."""

    hub: FakeHub
    server: Loopback
    directory: Path
    source: Callable[[Hub], Weights]
    door: GuardedFetcher
    lines: list[str] = field(default_factory=list[str])

    def at(self, *, token: str | None = None, free: int = 10**12) -> Weights:
        ticks = itertools.count(0.0, 0.4)
        return self.source(
            Hub(
                fetcher=self.door,
                url=self.server.url("/"),
                token=token,
                free_bytes=lambda _: free,
                now=lambda: next(ticks),
            )
        )

    async def pull(self, source: Weights | None = None) -> Path:
        version = await (source or self.at()).provide(spec(), self.lines.append)
        return Path(version.config["weights"])

    def stand(self, weights: str, *, tiny: bool = False, token: bool = False) -> Standing:
        means = Means(directory=self.directory, tiny=tiny, hub_url="https://hub.test/", token=token)
        return standing({"weights": weights}, means)

    async def refusal(self, source: Weights | None = None) -> str:
        with pytest.raises(WeightsUnavailable) as refused:
            await self.pull(source)
        return str(refused.value)


def spec(weights: str | None = f"hf://{REPO}") -> VersionSpec:
    config = {"family": "stable-diffusion"} | ({"weights": weights} if weights else {})
    return make_spec(config=config)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncGenerator[Bench]:
    hub = FakeHub()
    async with serving(hub) as server, GuardedFetcher(allow=[server.place]) as door:
        yield Bench(
            hub,
            server,
            tmp_path / "weights",
            lambda means: Weights(
                hub=means, directory=tmp_path / "weights", cache=tmp_path / "cache", tiny=False
            ),
            door,
        )


def held(folder: Path) -> set[str]:
    return {str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()}


async def test_a_pull_brings_what_a_pipeline_needs_and_no_more(bench: Bench) -> None:
    folder = await bench.pull()
    assert folder == bench.directory / "acme--portraits" / COMMIT
    assert held(folder) == NEEDED | {"darkroom-weights.json"}
    for name in NEEDED:
        assert (folder / name).read_bytes() == bench.hub.files[name]


async def test_the_rest_of_the_configuration_is_kept(bench: Bench) -> None:
    version = await bench.at().provide(spec(), bench.lines.append)
    assert version.config["family"] == "stable-diffusion"
    assert version.model == "acme/portraits"


async def test_progress_is_told_as_tqdm_does(bench: Bench) -> None:
    await bench.pull()
    assert bench.lines[0] == "downloading acme/portraits (3 MB)"
    assert [line for line in bench.lines[1:] if not BAR.fullmatch(line)] == []
    assert len(bench.lines) > 3
    assert bench.lines[-1].startswith("100%|##########| 3/3 MB [")


async def test_a_complete_folder_is_used_without_asking_the_hub(bench: Bench) -> None:
    folder = await bench.pull()
    asked = bench.server.accepted
    assert await bench.pull() == folder
    assert bench.server.accepted == asked


async def test_a_broken_connection_is_taken_up_where_it_ended(bench: Bench) -> None:
    bench.hub.cut = [1_000_000, 500_000]
    folder = await bench.pull()
    ranges = [one.headers.get("range") for one in bench.server.requests]
    assert [one for one in ranges if one] == ["bytes=1000000-", "bytes=1500000-"]
    name = "unet/diffusion_pytorch_model.safetensors"
    assert (folder / name).read_bytes() == bench.hub.files[name]


async def test_a_later_pull_goes_on_with_what_an_earlier_one_left(bench: Bench) -> None:
    bench.hub.cut = [1_000_000, 0]
    assert "cannot be reached" in await bench.refusal()
    before = len(bench.server.requests)
    await bench.pull()
    targets = [one.target for one in bench.server.requests[before:]]
    assert [
        one.headers["range"] for one in bench.server.requests[before:] if "range" in one.headers
    ] == ["bytes=1000000-"]
    assert not any(target.endswith("unet/config.json") for target in targets)


async def test_two_pulls_at_once_are_one(bench: Bench) -> None:
    first: list[str] = []
    second: list[str] = []
    source = bench.at()
    found = await asyncio.gather(
        source.provide(spec(), first.append), source.provide(spec(), second.append)
    )
    assert found[0].config == found[1].config
    targets = [one.target for one in bench.server.requests]
    assert len(targets) == len(set(targets))
    assert first[-1].startswith("100%")
    assert f"waiting for {REPO} to arrive" in first + second


async def test_a_pull_waits_for_that_of_another_process(bench: Bench) -> None:
    await asyncio.gather(bench.pull(bench.at()), bench.pull(bench.at()))
    targets = [one.target for one in bench.server.requests]
    assert len(targets) == len(set(targets))


@pytest.mark.parametrize(
    "name", ["unet/diffusion_pytorch_model.safetensors", "tokenizer/merges.txt"]
)
async def test_a_file_with_the_wrong_hash_is_not_kept(bench: Bench, name: str) -> None:
    bench.hub.liar = name
    assert "did not arrive as the hub describes it" in await bench.refusal()
    assert not any(held_name.endswith(name) for held_name in held(bench.directory))
    bench.hub.liar = None
    assert held(await bench.pull()) >= NEEDED


async def test_a_hub_that_tells_no_hashes_will_do(bench: Bench) -> None:
    bench.hub.blobs = False
    assert held(await bench.pull()) >= NEEDED


async def test_gated_weights_name_the_licence_page_and_the_token(bench: Bench) -> None:
    bench.hub.token = "hf_right"
    told = await bench.refusal()
    assert f"accept its licence at {bench.server.url('/')}{REPO}" in told
    assert "DARKROOM_HUB_TOKEN (or HF_TOKEN)" in told
    assert held(await bench.pull(bench.at(token="hf_right"))) >= NEEDED


@pytest.mark.parametrize(
    ("status", "told"),
    [(403, "HTTP 403"), (404, "has no acme/portraits at revision main"), (503, "HTTP 503")],
)
async def test_a_refusal_says_what_to_do(bench: Bench, status: int, told: str) -> None:
    bench.hub.status = status
    sentence = await bench.refusal()
    assert told in sentence
    assert "DARKROOM_WEIGHTS=tiny" in sentence
    assert "darkroom.yaml" in sentence


async def test_no_network_says_what_to_do(bench: Bench) -> None:
    async with GuardedFetcher(allow=["127.0.0.1:1"]) as door:
        unreachable = bench.source(Hub(fetcher=door, url="http://127.0.0.1:1"))
        told = await bench.refusal(unreachable)
    for word in ("DARKROOM_WEIGHTS=tiny", "local folder", "DARKROOM_EGRESS_ALLOW"):
        assert word in told


async def test_a_hub_that_may_not_be_reached_is_to_be_named(bench: Bench) -> None:
    async with GuardedFetcher() as door:
        told = await bench.refusal(bench.source(Hub(fetcher=door, url=bench.server.url())))
    assert f"the hub at {bench.server.place}" in told
    assert "DARKROOM_EGRESS_ALLOW" in told
    assert bench.server.accepted == 0


async def test_too_little_room_is_noticed_before_the_download(bench: Bench) -> None:
    told = await bench.refusal(bench.at(free=2**30))
    assert "make room" in told
    assert not any("unet" in one.target for one in bench.server.requests)


async def test_a_repository_without_an_index_is_refused(bench: Bench) -> None:
    del bench.hub.files["model_index.json"]
    assert "not in the layout of diffusers" in await bench.refusal()


async def test_pickled_weights_are_refused(bench: Bench) -> None:
    kept = bench.hub.files
    bench.hub.files = {name: kept[name] for name in kept if not name.endswith(".safetensors")}
    assert "pickled weights only" in await bench.refusal()


async def test_a_pickle_with_another_name_is_refused(bench: Bench) -> None:
    bench.hub.files["unet/diffusion_pytorch_model.safetensors"] = b"PK\x03\x04" * 500
    assert "is not a safetensors file" in await bench.refusal()
    assert bench.stand(f"hf://{REPO}").stand is Stand.ABSENT


async def test_half_precision_alone_gets_the_plain_name(bench: Bench) -> None:
    half = bench.hub.files["unet/diffusion_pytorch_model.fp16.safetensors"]
    del bench.hub.files["unet/diffusion_pytorch_model.safetensors"]
    folder = await bench.pull()
    assert (folder / "unet/diffusion_pytorch_model.safetensors").read_bytes() == half


async def test_a_file_that_shrank_is_called_damaged(bench: Bench) -> None:
    folder = await bench.pull()
    (folder / "unet/config.json").write_bytes(b"{}")
    assert "is damaged; `darkroom weights verify --repair`" in await bench.refusal()


@pytest.fixture
async def tiny(tmp_path: Path) -> AsyncGenerator[Weights]:
    async with GuardedFetcher() as door:
        yield Weights(
            hub=Hub(fetcher=door, url="https://hub.test"),
            directory=tmp_path,
            cache=tmp_path / "cache",
            tiny=True,
        )


async def test_tiny_weights_ask_nobody(tiny: Weights, tmp_path: Path) -> None:
    lines: list[str] = []
    version = await tiny.provide(spec(), lines.append)
    assert version.config["weights"] == "tiny"
    assert version.config["tiny_folder"] == str(tmp_path / "cache" / "tiny")
    assert lines == []


async def test_a_folder_that_is_named_is_loaded_although_the_rest_is_tiny(
    tiny: Weights, tmp_path: Path
) -> None:
    folder, lines = local(tmp_path / "mine"), list[str]()
    version = await tiny.provide(spec(str(folder)), lines.append)
    assert version.config["weights"] == str(folder)
    assert lines == []
    with pytest.raises(WeightsUnavailable, match="there is no such folder"):
        await tiny.provide(spec(str(tmp_path / "gone")), lines.append)


async def test_a_version_without_weights_stays_as_it_is(bench: Bench) -> None:
    plain = spec(None)
    assert await bench.at().provide(plain, bench.lines.append) == plain


async def test_a_local_folder_is_taken_as_it_is(bench: Bench, tmp_path: Path) -> None:
    folder = local(tmp_path / "mine")
    version = await bench.at().provide(spec(str(folder)), bench.lines.append)
    assert version.config["weights"] == str(folder)
    assert bench.server.accepted == 0


async def test_a_missing_folder_says_what_to_do(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match=r"there is no such folder.*darkroom\.yaml"):
        await bench.at().provide(spec(str(tmp_path / "gone")), bench.lines.append)


async def test_a_file_that_cannot_be_loaded_says_what_to_do(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(tensors())
    with pytest.raises(WeightsUnavailable, match=r"single file whose name.*\.safetensors"):
        await bench.at().provide(spec(str(tmp_path / "model")), bench.lines.append)
    with pytest.raises(WeightsUnavailable, match=r"pickle.*make it as \.safetensors"):
        await bench.at().provide(spec(str(tmp_path / "model.ckpt")), bench.lines.append)


async def test_a_full_disk_says_what_to_do_and_is_not_tried_again(bench: Bench) -> None:
    partial = bench.directory / "acme--portraits" / f"{COMMIT}.partial" / "unet"
    partial.mkdir(parents=True)
    (partial / "diffusion_pytorch_model.safetensors.part").symlink_to("/dev/full")
    told = await bench.refusal()
    assert f"{REPO} cannot be kept in {bench.directory} (No space left on device)" in told
    assert "make room" in told
    asked = [one.target for one in bench.server.requests if one.target.endswith(".safetensors")]
    assert len(asked) == 1


async def test_a_folder_that_cannot_be_made_says_what_to_do(bench: Bench) -> None:
    bench.directory.write_bytes(b"a file in the way")
    assert "cannot be kept in" in await bench.refusal()


def local(folder: Path) -> Path:
    (folder / "unet").mkdir(parents=True)
    parts = index(unet=["diffusers", "UNet2DConditionModel"])
    (folder / "model_index.json").write_bytes(parts)
    (folder / "unet" / "config.json").write_bytes(b"{}")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(tensors())
    return folder


def test_what_needs_no_download_stands_ready(bench: Bench, tmp_path: Path) -> None:
    folder = local(tmp_path / "mine")
    noise = Standing(Stand.READY, "tiny random weights: pictures are noise")
    in_place = Standing(Stand.READY, f"in place at {folder}")
    assert bench.stand(f"hf://{REPO}", tiny=True) == noise
    assert bench.stand(str(folder)) == in_place
    assert bench.stand(str(folder), tiny=True) == in_place


async def test_what_was_pulled_stands_ready(bench: Bench) -> None:
    folder = await bench.pull()
    assert bench.stand(f"hf://{REPO}") == Standing(Stand.READY, f"in place at {folder}")


def test_what_is_not_here_names_the_page_it_comes_from(bench: Bench) -> None:
    told = bench.stand(f"hf://{REPO}")
    assert (told.stand, told.line) == (Stand.ABSENT, f"{REPO} is not downloaded yet")
    assert f"https://hub.test/{REPO}" in told.remedy


def test_gated_weights_without_a_token_name_the_licence_and_the_setting(bench: Bench) -> None:
    [repo] = GATED
    without, with_token = bench.stand(f"hf://{repo}"), bench.stand(f"hf://{repo}", token=True)
    assert {without.stand, with_token.stand} == {Stand.ABSENT}
    assert f"accept the licence at https://hub.test/{repo}" in without.remedy
    assert "DARKROOM_HUB_TOKEN" in without.remedy
    assert "licence" not in with_token.remedy


def test_what_cannot_work_says_why(bench: Bench, tmp_path: Path) -> None:
    for weights in (str(tmp_path / "gone"), "hf://nonsense"):
        told = bench.stand(weights)
        assert told.stand is Stand.UNUSABLE
        assert "darkroom.yaml" in told.line
