"""The servers under load: ours, its hop alone, and the peers, all with a null model."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from bench import environments
from bench.load import Target, WrongAnswer
from bench.picture_bytes import data_url, from_data_url
from bench.servers import Recipe

KEY = "bench-key-that-is-not-secret"
HERE = Path(__file__).parent
BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A server and how it is asked to echo a picture.

    `body` builds the request body of a picture as a data URL; `marker` is in every good answer;
    `output` finds the returned data URL in one.
    """

    recipe: Recipe
    path: str
    body: Callable[[str], object]
    marker: bytes
    output: Callable[[Mapping[str, object]], object]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def name(self) -> str:
        return self.recipe.name

    def target(self, port: int, picture: bytes) -> Target:
        body = json.dumps(self.body(data_url(picture))).encode()
        headers = {
            "Host": f"127.0.0.1:{port}",
            "Content-Type": "application/json",
            "content-length": str(len(body)),
            **self.headers,
        }
        lines = (f"POST {self.path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items()), "", "")
        return Target(
            port=port,
            request="\r\n".join(lines).encode() + body,
            marker=self.marker,
            check=lambda answer: self._check(answer, picture),
        )

    def _check(self, answer: bytes, picture: bytes) -> None:
        try:
            output = self.output(cast("Mapping[str, object]", json.loads(answer)))
            same = isinstance(output, str) and from_data_url(output) == picture
        except (ValueError, KeyError):
            same = False
        if not same:
            raise WrongAnswer(f"{self.name} did not return the picture: {answer[:400]!r}")


def darkroom_recipe(name: str = "darkroom", **settings: str) -> Recipe:
    """`darkroom serve` with every feature on and random weights, so that it needs no network."""
    environment = {
        "DARKROOM_PORT": "{port}",
        "DARKROOM_DATA_DIR": "{scratch}/data",
        "DARKROOM_BOOTSTRAP_KEY": KEY,
        "DARKROOM_WEIGHTS": "tiny",
        "DARKROOM_RATE_LIMIT": "0",
        **settings,
    }
    return Recipe(
        name=name,
        command=(str(BIN / "darkroom"), "serve"),
        environment=environment,
        health="/healthz",
    )


def darkroom() -> Contender:
    return Contender(
        recipe=darkroom_recipe(),
        path="/v1/models/darkroom/echo/predictions",
        headers={"Authorization": f"Bearer {KEY}", "Prefer": "wait"},
        body=_wrapped,
        marker=b'"status":"succeeded"',
        output=_file_output,
    )


def hop() -> Contender:
    return Contender(
        recipe=Recipe(
            name="hop",
            command=(sys.executable, "-m", "bench.hop", "{port}", "{scratch}/hop.sock"),
            environment={},
            health="/healthz",
        ),
        path="/predictions",
        body=_wrapped,
        marker=b'"status":"succeeded"',
        output=lambda answer: answer["output"],
    )


def litserve() -> Contender:
    home = environments.provide("litserve", environments.LITSERVE)
    return Contender(
        recipe=Recipe(
            name="litserve",
            command=(str(home / "python"), str(HERE / "peers" / "litserve_echo.py"), "{port}"),
            environment={},
            health="/health",
        ),
        path="/predict",
        body=lambda image: {"prompt": "a picture", "image": image},
        marker=b'"image":"data:image/png;base64,',
        output=lambda answer: answer["image"],
    )


def cog() -> Contender:
    """Cog's own server with an async model, 256 slots, a file in and a file out.

    It starts its worker as plain `python`, so the environment's bin comes first on PATH.
    """
    home = environments.provide("cog", environments.COG)
    return Contender(
        recipe=Recipe(
            name="cog",
            command=(str(home / "python"), "-m", "cog.server.http", "--host", "127.0.0.1"),
            environment={
                "PORT": "{port}",
                "PATH": f"{home}:{os.environ['PATH']}",
                "COG_PREDICT_TYPE_STUB": f"{HERE / 'peers' / 'cog_echo.py'}:Runner",
                "COG_MAX_CONCURRENCY": "256",
            },
            health="/health-check",
            healthy=b'"READY"',
        ),
        path="/predictions",
        body=_wrapped,
        marker=b'"status":"succeeded"',
        output=lambda answer: answer["output"],
    )


def bare() -> Contender:
    """A server that does nothing, to see what the load generator costs."""
    return Contender(
        recipe=Recipe(
            name="bare",
            command=(sys.executable, "-m", "bench.bare", "{port}"),
            environment={},
            health="/",
        ),
        path="/",
        body=_wrapped,
        marker=b'"status":"succeeded"',
        output=lambda answer: answer["output"],
    )


def _wrapped(image: str) -> object:
    return {"input": {"prompt": "a picture", "image": image}}


def _file_output(answer: Mapping[str, object]) -> object:
    """Our output is one file: a data URL, alone or as the only item of a list."""
    output = answer.get("output")
    return cast("list[object]", output)[0] if isinstance(output, list) else output
