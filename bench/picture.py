"""One picture through the API beside the same pipeline called directly, in turn, same seed."""

import base64
import http.client
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import yaml
from PIL import Image, ImageChops

from bench.contenders import KEY, darkroom_recipe
from bench.figures import Figure, at_most, middle, plain, ratio_at_most
from bench.order import Order
from bench.picture_bytes import data_url, noise_png
from bench.servers import SCRATCH, Recipe, Running, running

SIDE = 256
STRENGTH, SCHEDULE = 0.8, 5  # four steps are run
FULL_GOAL = 1.02
LEVELS_GOAL = 1
PATIENCE_SECONDS = 300
TINY_MODEL = "stability-ai/stable-diffusion-img2img"
FULL_MODEL = "bench/full-size"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One model under both ways. `goal` is for API seconds ÷ direct seconds."""

    name: str
    model: str
    weights: Path
    rounds: int
    goal: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Seconds of one picture each way."""

    api: float
    direct: float


def figures(*, full: bool) -> list[Figure]:
    cases = [Case(name="tiny", model=TINY_MODEL, weights=_weights("tiny"), rounds=15, goal=None)]
    if full:
        cases += [
            Case(
                name="full size",
                model=FULL_MODEL,
                weights=_weights("full"),
                rounds=5,
                goal=FULL_GOAL,
            )
        ]
    found: list[Figure] = []
    for case in cases:
        with running(_recipe(case)) as server:
            found += _measure(case, server)
    return found


def _weights(size: str) -> Path:
    """The folder, from a child: torch stays out of the process that measures."""
    command = (sys.executable, "-m", "bench.full_size", size)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=_quiet())
    return Path(done.stdout.splitlines()[-1])


def _quiet() -> dict[str, str]:
    return {**os.environ, "TRANSFORMERS_VERBOSITY": "error"}


def _recipe(case: Case) -> Recipe:
    """Our server; the full size is an operator's model, whose weights are a local folder."""
    if case.model == TINY_MODEL:
        return darkroom_recipe("picture")
    own = {"runner": "diffusers", "family": "stable-diffusion", "weights": str(case.weights)}
    SCRATCH.mkdir(parents=True, exist_ok=True)
    config = (SCRATCH / "darkroom.yaml").absolute()
    config.write_text(yaml.safe_dump({"models": {case.model: own}}))
    return darkroom_recipe("picture", DARKROOM_CONFIG=str(config), DARKROOM_WEIGHTS="hub")


def _measure(case: Case, server: Running) -> list[Figure]:
    print(f"one picture, {case.name}", flush=True)
    image = server.scratch / "input.png"
    image.write_bytes(noise_png(3 * SIDE * SIDE))
    order = Order(
        image=str(image),
        prompt="a lighthouse at dusk",
        seed=7,
        num_inference_steps=SCHEDULE,
        prompt_strength=STRENGTH,
        guidance_scale=7.5,
    )
    with _direct(case, order) as direct:
        ways = (_ThroughApi(case.model, server.port, order), direct)
        pairs = _pairs(ways, case.rounds)
    return _found(case, pairs, _difference(ways[0].picture, direct.picture))


def _found(case: Case, pairs: Sequence[Pair], difference: int) -> list[Figure]:
    api, direct = middle(pair.api for pair in pairs), middle(pair.direct for pair in pairs)
    extra = middle(pair.api - pair.direct for pair in pairs)
    name = f"one picture, {case.name}"
    return [
        ratio_at_most(f"{name}: through the API", api, "s", baseline=direct, goal=case.goal),
        plain(f"{name}: overhead", 1e3 * extra, "ms"),
        at_most(f"{name}: greatest difference of a channel", difference, "levels", LEVELS_GOAL),
    ]


def _pairs(ways: "tuple[_ThroughApi, _Direct]", rounds: int) -> list[Pair]:
    """Each way in turn, every second round in reverse; one picture before warms both."""
    api, direct = ways
    api.warm()
    direct.seconds()
    pairs: list[Pair] = []
    for turn in range(rounds):
        if turn % 2 == 0:
            pairs.append(Pair(api=api.seconds(), direct=direct.seconds()))
        else:
            pairs.append(Pair(direct=direct.seconds(), api=api.seconds()))
    return pairs


def _difference(one: Image.Image, other: Image.Image) -> int:
    """The largest difference of a channel of a pixel, of 255 levels."""
    bands = ImageChops.difference(one, other).split()
    return max(int(cast("tuple[int, int]", band.getextrema())[1]) for band in bands)


class _ThroughApi:
    """A blocking create of one picture; `picture` is the last one that came."""

    def __init__(self, model: str, port: int, order: Order) -> None:
        words = {**asdict(order), "image": data_url(Path(order.image).read_bytes())}
        self._body = json.dumps({"input": {**words, "scheduler": "DDIM"}})
        self._path, self._port = f"/v1/models/{model}/predictions", port
        self.picture = Image.new("RGB", (SIDE, SIDE))

    def warm(self) -> None:
        """Make one picture, however long the weights take to load."""
        until = time.perf_counter() + PATIENCE_SECONDS
        prediction = _read(self._ask("POST", self._path, self._body))
        while prediction["status"] in {"starting", "processing"} and time.perf_counter() < until:
            time.sleep(1.0)
            prediction = _read(self._ask("GET", f"/v1/predictions/{prediction['id']}"))
        if prediction["status"] != "succeeded":
            raise RuntimeError(f"{self._path}: {prediction}")

    def seconds(self) -> float:
        """From the request's first byte to the last of the answer with the picture."""
        began = time.perf_counter()
        answer = self._ask("POST", self._path, self._body)
        took = time.perf_counter() - began
        prediction = _read(answer)
        if prediction["status"] != "succeeded":
            raise RuntimeError(f"{self._path}: {answer[:2000]!r}")
        (url,) = cast("list[str]", prediction["output"])
        png = base64.b64decode(url.partition(",")[2])
        self.picture = Image.open(io.BytesIO(png)).convert("RGB")
        return took

    def _ask(self, method: str, path: str, body: str | None = None) -> bytes:
        headers = {
            "Authorization": f"Bearer {KEY}",
            "Content-Type": "application/json",
            "Prefer": "wait=60",
        }
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body, headers)
            return connection.getresponse().read()
        finally:
            connection.close()


def _read(answer: bytes) -> Mapping[str, object]:
    prediction = cast("Mapping[str, object]", json.loads(answer))
    if "status" not in prediction or "id" not in prediction:
        raise RuntimeError(f"no prediction: {answer[:2000]!r}")
    return prediction


def direct_command(case: Case, order: Order) -> tuple[str, ...]:
    """How the pipeline is started without us, with as many threads as the server gives it."""
    alone = ("alone",) if case.model == TINY_MODEL else ()
    words = (str(case.weights), json.dumps(asdict(order)), *alone)
    return (sys.executable, "-m", "bench.direct", *words)


@contextmanager
def _direct(case: Case, order: Order) -> Generator["_Direct"]:
    with subprocess.Popen(
        direct_command(case, order),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=_quiet(),
    ) as process:
        try:
            yield _Direct(process, Path(order.image).with_name("direct.png"))
        finally:
            process.terminate()


class _Direct:
    """The child that holds the pipeline; it makes one picture when asked."""

    def __init__(self, process: "subprocess.Popen[str]", to: Path) -> None:
        self._process, self._to = process, to

    def seconds(self) -> float:
        """Of the pipeline's call alone."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the direct pipeline has no pipes")
        self._process.stdin.write(f"{self._to}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    @property
    def picture(self) -> Image.Image:
        return Image.open(self._to).convert("RGB")
