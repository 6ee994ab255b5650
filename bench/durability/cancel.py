"""Cancel of a running prediction: from the request to the answer, and until its slot is used again.

The worker has one slot. The second of two predictions waits for it, so its end, which nothing but
the cancel lets come, shows that the slot is free; the milliseconds of its own run are included.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from bench.contenders import darkroom_recipe
from bench.durability.asking import Asking, Unexpected
from bench.durability.postgres import Postgres
from bench.figures import Figure, plain, quantile
from bench.picture_bytes import SMALL_BYTES, data_url, noise_png
from bench.servers import Running, running

CANCELS = 50
"""In each round, of each kind of run."""
QUEUED_SECONDS = 0.02
DATABASES = ("SQLite", "PostgreSQL")
WORDS = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """`long` runs for a minute, `short` ends as soon as it has the slot."""

    name: str
    model: str
    long: Mapping[str, object]
    short: Mapping[str, object]


def _kinds() -> Sequence[Kind]:
    picture = {"image": data_url(noise_png(SMALL_BYTES)), "prompt": "a picture"}
    return (
        Kind(
            name="one wait of a minute",
            model="darkroom/echo",
            long={**picture, "ms": 60_000},
            short=picture,
        ),
        Kind(
            name="steps of 20 ms",
            model="darkroom/echo-text",
            long={"prompt": " ".join(["step"] * WORDS), "ms": 20},
            short={"prompt": "one"},
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cancel:
    """In ms, from the request: until its answer, and until the next in the slot has ended."""

    answered: float
    free: float


def figures(database: Postgres, rounds: int) -> list[Figure]:
    found: dict[tuple[str, str], list[_Cancel]] = {}
    for turn in range(rounds):
        for name in DATABASES if turn % 2 == 0 else reversed(DATABASES):
            print(f"cancel, round {turn + 1} of {rounds}: {name}", flush=True)
            for kind, cancels in _run(name, database).items():
                found.setdefault((name, kind), []).extend(cancels)
    return [
        plain(f"cancel, {kind}, {name}: {label} {rank}", quantile(values, share), "ms")
        for (name, kind), cancels in found.items()
        for label, values in (
            ("answered,", [one.answered for one in cancels]),
            ("slot used again,", [one.free for one in cancels]),
        )
        for rank, share in (("p50", 0.5), ("p99", 0.99))
    ]


def _run(name: str, database: Postgres) -> dict[str, list[_Cancel]]:
    with ExitStack() as stack:
        settings = {"DARKROOM_ECHO_SLOTS": "1"}
        if name != DATABASES[0]:
            settings["DARKROOM_DATABASE_URL"] = stack.enter_context(database.database())
        recipe = darkroom_recipe(f"cancel-{name.lower()}", **settings)
        server = stack.enter_context(running(recipe))
        return {
            kind.name: [_cancel(server, kind) for _ in range(CANCELS + 1)][1:] for kind in _kinds()
        }


def _cancel(server: Running, kind: Kind) -> _Cancel:
    asking, behind = Asking(server.port), Asking(server.port)
    id_ = asking.create(kind.model, kind.long).shown["id"]
    asking.until(id_, "processing")
    behind.send(
        "POST", f"/v1/models/{kind.model}/predictions", {"input": kind.short}, Prefer="wait"
    )
    time.sleep(QUEUED_SECONDS)
    began = time.perf_counter()
    answer = asking.ask("POST", f"/v1/predictions/{id_}/cancel")
    next_one = behind.answer()
    took = time.perf_counter() - began
    statuses = answer.shown["status"], next_one.shown["status"]
    if statuses != ("canceled", "succeeded"):
        raise Unexpected(f"a cancel and what came after it: {statuses}")
    asking.close()
    behind.close()
    return _Cancel(answered=1e3 * answer.seconds, free=1e3 * took)
