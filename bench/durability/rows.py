"""What a thousand, a hundred thousand and a million finished predictions change.

Databases of all sizes are there at once, each with a server that has no workers, and are asked in
turn, request by request: by the statements alone, and through HTTP. A page has 100 predictions.
"""

import asyncio
import base64
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import TypeAlias, TypeVar, cast

from bench import spread
from bench.contenders import darkroom_recipe
from bench.durability import statements
from bench.durability.asking import Answer, Asking, Unexpected
from bench.durability.filling import MODEL, Filled, fill_postgres, fill_sqlite, some
from bench.durability.postgres import Postgres
from bench.figures import Figure, middle, plain, ratio_at_most
from bench.servers import SCRATCH, Running, placed

HTTP_GOAL, STATEMENT_GOAL = 1.2, 2.0
DATABASES = ("SQLite", "PostgreSQL")
WARMING, TIMES = 5, 40
KINDS = (("get", "first page", "page deep down"), ("create",))
"""Creations come last: a page that shows them would be another page."""
T = TypeVar("T")

Seconds: TypeAlias = dict[tuple[str, int], list[float]]
"""By what was done, and how many finished predictions there were: one for each round."""


def figures(database: Postgres, rounds: int, sizes: Sequence[int]) -> list[Figure]:
    found: list[Figure] = []
    for name in DATABASES:
        with ExitStack() as stack:
            filled = [_filled(stack, name, database, size) for size in sizes]
            print(f"rows, {name}: statements", flush=True)
            alone = asyncio.run(_statements(name, filled, rounds))
            print(f"rows, {name}: through HTTP", flush=True)
            through = _through_http(name, filled, rounds)
        for one in filled:
            label = f"{one.count:,} finished, {name}"
            found.append(plain(f"{label}: size", one.size_bytes / 1e6, "MB"))
            found.append(plain(f"{label}: filled in", one.seconds, "s"))
        found += _judged(name, "statements", alone, sizes, STATEMENT_GOAL)
        found += _judged(name, "through HTTP", through, sizes, HTTP_GOAL)
    return found


def _judged(
    name: str, how: str, seconds: Seconds, sizes: Sequence[int], goal: float
) -> list[Figure]:
    found: list[Figure] = []
    smallest, *larger = sizes
    for what in dict.fromkeys(what for what, _ in seconds):
        base = 1e3 * middle(seconds[what, smallest])
        found += [
            ratio_at_most(
                f"{size:,} finished, {name}: {what}, {how}",
                1e3 * middle(seconds[what, size]),
                "ms",
                baseline=base,
                goal=goal,
            )
            for size in larger
        ]
    return found


def _filled(stack: ExitStack, name: str, database: Postgres, size: int) -> Filled:
    print(f"rows, {name}: {size:,} finished predictions", flush=True)
    if name != DATABASES[0]:
        return fill_postgres(stack.enter_context(database.database()), size)
    folder = spread.folder(SCRATCH, f"rows-{size}")
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return fill_sqlite(folder / "data", size)


async def _statements(name: str, filled: Sequence[Filled], rounds: int) -> Seconds:
    timed = statements.on_sqlite if name == DATABASES[0] else statements.on_postgres
    found: Seconds = {}
    for _ in range(rounds):
        async with AsyncExitStack() as stack:
            calls = [
                (one.count, statements.calls(await stack.enter_async_context(timed(one)), one))
                for one in filled
            ]
            for what in calls[0][1]:
                took = [(size, await call[what](turn)) for turn, size, call in _in_turn(calls)]
                _keep(found, what, took)
    return found


def _through_http(name: str, filled: Sequence[Filled], rounds: int) -> Seconds:
    """Every round starts the servers afresh: which cores they meet on lasts as long as they do."""
    found: Seconds = {}
    for kinds in KINDS:
        for _ in range(rounds):
            with ExitStack() as stack:
                servers = [stack.enter_context(_server(name, one)) for one in filled]
                calls = [
                    (one.count, _calls(one, Asking(server.port)))
                    for one, server in zip(filled, servers, strict=True)
                ]
                for what in kinds:
                    answers = [(size, call[what](turn)) for turn, size, call in _in_turn(calls)]
                    for _size, answer in answers:
                        _look_at(what, answer)
                    _keep(found, what, [(size, answer.seconds) for size, answer in answers])
    return found


def _in_turn(calls: Sequence[tuple[int, T]]) -> Iterator[tuple[int, int, T]]:
    """Which call comes when: each size once in every turn, there and back again."""
    for turn in range(WARMING + TIMES):
        for size, call in calls if turn % 2 == 0 else reversed(calls):
            yield turn, size, call


def _keep(found: Seconds, what: str, took: Sequence[tuple[int, float]]) -> None:
    """Keep the median of this round for each size."""
    for size in {size for size, _ in took}:
        seconds = [one for other, one in took if other == size]
        found.setdefault((what, size), []).append(middle(seconds[WARMING:]))


@contextmanager
def _server(name: str, filled: Filled) -> Generator[Running]:
    settings = {"DARKROOM_WORKERS": "0", "DARKROOM_RETENTION": "0"}
    key = "DARKROOM_DATA_DIR" if name == DATABASES[0] else "DARKROOM_DATABASE_URL"
    settings[key] = str(Path(filled.place).absolute()) if name == DATABASES[0] else filled.place
    with placed(darkroom_recipe(f"rows-{filled.count}", **settings)) as place:
        yield place.start()


def _calls(filled: Filled, asking: Asking) -> Mapping[str, Callable[[int], Answer]]:
    ids = filled.ids
    edge = f"b={statements.deep_edge(filled)}"
    cursor = base64.urlsafe_b64encode(edge.encode()).decode().rstrip("=")
    return {
        "get": lambda turn: asking.ask("GET", f"/v1/predictions/{some(ids, turn)}"),
        "first page": lambda _: asking.ask("GET", "/v1/predictions"),
        "page deep down": lambda _: asking.ask("GET", f"/v1/predictions?cursor={cursor}"),
        "create": lambda _: asking.create(MODEL, {"prompt": f"picture {next(_numbers)}"}),
    }


def _look_at(what: str, answer: Answer) -> None:
    results = answer.shown.get("results")
    if isinstance(results, list):
        count = len(cast("list[object]", results))
        if count != statements.PAGE:
            raise Unexpected(f"{what}: a page of {count}")


_numbers = count(1)
