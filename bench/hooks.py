"""What webhooks cost: creations a second at 64 clients with and without, and how soon they come."""

import sys
import time
from dataclasses import replace

from bench.contenders import Contender, darkroom, darkroom_recipe
from bench.figures import Figure, middle, plain, ratio_at_least
from bench.load import WrongAnswer, press
from bench.picture_bytes import SMALL_BYTES, noise_png
from bench.servers import Recipe, Running, get, running

CLIENTS = 64
WARM_SECONDS = 1.0
PATIENCE_SECONDS = 120.0
POLL_SECONDS = 0.05

_RECEIVER = Recipe(
    name="receiver",
    command=(sys.executable, "-m", "bench.receiver", "{port}"),
    environment={},
    health="/",
)


def figures(rounds: int, seconds: float) -> list[Figure]:
    """Interleaved: without, with, without, with."""
    off: list[float] = []
    on: list[float] = []
    delivered: list[float] = []
    with running(_RECEIVER) as receiver:
        for _ in range(rounds):
            off.append(_rate(_contender(None), seconds))
            rate, deliveries = _with_webhooks(receiver, seconds)
            on.append(rate)
            delivered.append(deliveries)
    name = f"creations with webhooks, {CLIENTS} clients"
    return [
        ratio_at_least(
            f"{name}: against without", middle(on), "1/s", baseline=middle(off), goal=None
        ),
        plain(f"{name}: deliveries to one endpoint", middle(delivered), "1/s"),
    ]


def _contender(receiver: Running | None) -> Contender:
    """Ours, each request naming the receiver's address if there is one."""
    plainly = darkroom()
    if receiver is None:
        return plainly
    address = f"127.0.0.1:{receiver.port}"
    recipe = darkroom_recipe(DARKROOM_EGRESS_ALLOW=address)
    hook = {"webhook": f"http://{address}/hook", "webhook_events_filter": ["completed"]}

    def body(image: str) -> object:
        return {"input": {"prompt": "a picture", "image": image}, **hook}

    return replace(plainly, recipe=recipe, body=body)


def _rate(contender: Contender, seconds: float) -> float:
    with running(contender.recipe) as server:
        return _pressed(contender, server, seconds)[0]


def _pressed(contender: Contender, server: Running, seconds: float) -> tuple[float, int]:
    """Creations a second, and how many there were with those of the warming up."""
    target = contender.target(server.port, noise_png(SMALL_BYTES))
    warm = press(target, clients=CLIENTS, seconds=WARM_SECONDS)
    outcome = press(target, clients=CLIENTS, seconds=seconds)
    return outcome.rate, len(warm.latencies) + len(outcome.latencies)


def _with_webhooks(receiver: Running, seconds: float) -> tuple[float, float]:
    """Creations a second, and deliveries a second until the last has come."""
    contender = _contender(receiver)
    before = _count(receiver)
    with running(contender.recipe) as server:
        began = time.perf_counter()
        rate, created = _pressed(contender, server, seconds)
        came, until = _all_delivered(receiver, before)
    if came != created:
        raise WrongAnswer(f"{created} predictions were created, {came} webhooks came")
    return rate, came / (until - began)


def _all_delivered(receiver: Running, before: int) -> tuple[int, float]:
    """How many came and when the last did, once none has come for a second."""
    patience = time.perf_counter() + PATIENCE_SECONDS
    count, at = _count(receiver), time.perf_counter()
    while time.perf_counter() < min(patience, at + 1.0):
        time.sleep(POLL_SECONDS)
        if (now := _count(receiver)) != count:
            count, at = now, time.perf_counter()
    return count - before, at


def _count(receiver: Running) -> int:
    _status, body = get(receiver.port, "/")
    return int(body)
