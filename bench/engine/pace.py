"""Pictures per second with 1, 4 and 8 orders in flight, beside the stock pipeline in a loop.

In a round every load is measured with the makers in turn, but the load in the middle with the
engine alone. The stock pipeline makes one picture a turn, for in a loop they all take the same, and
all its turns count for every load. Every second round goes in reverse.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from bench.engine.asked import Made, Maker
from bench.engine.case import BACKENDS, COMPILE, EAGER, OPENVINO, STOCK, Case, Effort, rounds
from bench.engine.pixels import greatest, pictures
from bench.figures import Figure, at_least, at_most, middle, plain, ratio_at_least, ratio_at_most

LOADS = (1, 4, 8)
STOCK_GOALS: Mapping[int, float] = {1: 1.0, 8: 1.3}
EAGER_GOALS: Mapping[str, float] = {OPENVINO: 2.0}
BUSY_GOAL = 0.9
WARMING_STEPS = 2
WORDS = {STOCK: "stock", EAGER: "engine", OPENVINO: "OpenVINO", COMPILE: "compiled"}
"""How the makers are called in the names of figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One call of one maker."""

    maker: str
    load: int
    made: Made

    @property
    def rate(self) -> float:
        """Pictures per second."""
        return len(self.made.came) / self.made.seconds


def warm(case: Case, name: str, maker: Maker) -> None:
    """Make a short picture, then start the greatest load, and cancel it once all have a step.

    So an engine meets every size of batch, which it may compile for, and learns what they take.
    """
    print(f"engine: {case.name}: warming {name}", flush=True)
    first, *others = case.orders(LOADS[-1])
    maker.make([replace(first, steps=WARMING_STEPS)])
    if name != STOCK:
        maker.make(
            [*(replace(one, background=True) for one in others), replace(first, cancel_at=1)]
        )


def turns(case: Case, makers: Mapping[str, Maker], effort: Effort) -> list[Turn]:
    """All rounds; a further one begins only while there is time."""
    plan = [(load, name) for load in LOADS for name in makers if _wanted(load, name)]
    done: list[Turn] = []
    for number in rounds(effort):
        for load, name in plan if number % 2 == 0 else reversed(plan):
            orders = case.orders(1 if name == STOCK else load)
            done.append(Turn(maker=name, load=load, made=makers[name].make(orders)))
            _tell(case, number, done[-1])
    return done


def figures(case: Case, done: Sequence[Turn]) -> list[Figure]:
    """What `turns` found in at least one round."""
    engines = [name for name in BACKENDS if any(turn.maker == name for turn in done)]
    found: list[Figure] = []
    for load in LOADS:
        own = [name for name in engines if _wanted(load, name)]
        counted = [turn for turn in done if turn.load == load or turn.maker == STOCK]
        found += _rates(case, load, own, counted)
    most = f"{case.name}, {LOADS[-1]} in flight"
    found += _busy(most, done)
    for name in engines:
        memory = f"{most}: peak memory, {WORDS[name]} against stock"
        own, stock = _peak(done, name), _peak(done, STOCK)
        found.append(ratio_at_most(memory, own, "MB", baseline=stock, goal=None))
        found.append(_difference(case, name, done))
    return found


def _wanted(load: int, maker: str) -> bool:
    """Not everything, or the group would take longer than 20 minutes."""
    return load in (LOADS[0], LOADS[-1]) or maker == EAGER


def _rates(case: Case, load: int, engines: Sequence[str], done: Sequence[Turn]) -> list[Figure]:
    rates = {name: _rate(done, name) for name in (STOCK, *engines)}
    pairs = [(EAGER, STOCK, STOCK_GOALS.get(load))]
    for name in engines:
        if name != EAGER:
            pairs += [(name, EAGER, EAGER_GOALS.get(name)), (name, STOCK, None)]
    return [
        ratio_at_least(
            f"{case.name}, {load} in flight: {_pair(name, other)}",
            rates[name],
            "1/s",
            baseline=rates[other],
            goal=goal,
        )
        for name, other, goal in pairs
    ]


def _pair(name: str, other: str) -> str:
    return f"{WORDS[name]} against {'eager' if other == EAGER else WORDS[other]}"


def _rate(done: Iterable[Turn], maker: str) -> float:
    return middle(turn.rate for turn in done if turn.maker == maker)


def _peak(done: Iterable[Turn], maker: str) -> float:
    """The child's at the end."""
    return max(turn.made.peak_mb for turn in done if turn.maker == maker)


def _busy(most: str, done: Iterable[Turn]) -> Iterator[Figure]:
    told = [
        turn.made.busy
        for turn in done
        if turn.maker == EAGER and turn.load == LOADS[-1] and turn.made.busy is not None
    ]
    if told:
        yield at_least(f"{most}: time in which the denoiser computes", middle(told), "", BUSY_GOAL)


def _difference(case: Case, engine: str, done: Sequence[Turn]) -> Figure:
    """The first picture is the same order at every load and for every maker."""
    stock = next(pictures(turn.made)[0] for turn in done if turn.maker == STOCK)
    own = [pictures(turn.made)[0] for turn in done if turn.maker == engine]
    levels = greatest((stock, one) for one in own)
    name = f"{case.name}: greatest difference of a channel, {WORDS[engine]} and stock"
    if case.levels is None:
        return plain(name, levels, "levels")
    return at_most(name, levels, "levels", case.levels)


def _tell(case: Case, number: int, turn: Turn) -> None:
    print(
        f"engine: {case.name}: round {number + 1}, {turn.maker}, {turn.load} in flight: "
        f"{len(turn.made.came)} in {turn.made.seconds:.1f} s",
        flush=True,
    )
