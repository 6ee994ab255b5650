"""Group `api`: start and weight, the null model beside the peers, one picture beside itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench import contenders, echo, hooks, picture, start, streams, upload
from bench.echo import Load, Sample
from bench.figures import Figure, at_most, middle, plain, ratio_at_least, ratio_at_most
from bench.picture_bytes import BIG_BYTES

OURS, HOP, PEERS = "darkroom", "hop", ("litserve", "cog")
BETTER_PEER_GOALS = {1: 1.0, 8: 1.5, 64: 2.0}
PEER_GOALS = {"cog": {8: 3.0, 64: 4.0}, "litserve": {8: 1.2, 64: 2.0}}
BIG_GOAL = 1.2
CPU_GOAL_MS = 0.4
SERVER_GOAL_MB = 150.0
GENERATOR_GOAL_US = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to measure: rounds of all servers, seconds a load, and which parts."""

    rounds: int
    seconds: float
    parts: Sequence[str]


def figures(effort: Effort) -> list[Figure]:
    parts: dict[str, Callable[[], list[Figure]]] = {
        "start": start.figures,
        "echo": lambda: _echo(effort),
        "hooks": lambda: hooks.figures(effort.rounds, effort.seconds),
        "streams": streams.figures,
        "upload": upload.figures,
        "picture": lambda: picture.figures(full=False),
        "full": lambda: picture.figures(full=True),
    }
    return [figure for part in effort.parts for figure in parts[part]()]


def _echo(effort: Effort) -> list[Figure]:
    cost = echo.generator_cost_us(contenders.bare(), effort.seconds)
    field = (contenders.hop(), contenders.litserve(), contenders.darkroom(), contenders.cog())
    samples = echo.rounds(field, effort.rounds, effort.seconds)
    found = [at_most("load generator, CPU a request", cost, "µs", GENERATOR_GOAL_US)]
    for load in echo.LOADS:
        found += _one_load(load, [sample for sample in samples if sample.load == load])
    ours = max(sample.server_mb for sample in samples if sample.contender == OURS)
    return [*found, at_most("server process resident after the load", ours, "MB", SERVER_GOAL_MB)]


def _one_load(load: Load, samples: Sequence[Sample]) -> list[Figure]:
    name = f"echo {load.picture_bytes // 1000} kB, {load.clients} clients"

    def of(contender: str, figure: Callable[[Sample], float]) -> float:
        return middle(figure(one) for one in samples if one.contender == contender)

    ours = of(OURS, _rate)
    found = [_against_better(name, load, ours, of)]
    for peer in (*PEERS, HOP):
        goal = (
            None if load.picture_bytes == BIG_BYTES else PEER_GOALS.get(peer, {}).get(load.clients)
        )
        found.append(
            ratio_at_least(
                f"{name}: against {peer}", ours, "1/s", baseline=of(peer, _rate), goal=goal
            )
        )
    return [*found, *_latency_and_cost(name, load, of)]


Middle = Callable[[str, Callable[[Sample], float]], float]


def _against_better(name: str, load: Load, ours: float, of: Middle) -> Figure:
    best = max(of(peer, _rate) for peer in PEERS)
    goal = BIG_GOAL if load.picture_bytes == BIG_BYTES else BETTER_PEER_GOALS[load.clients]
    return ratio_at_least(f"{name}: against the better peer", ours, "1/s", baseline=best, goal=goal)


def _latency_and_cost(name: str, load: Load, of: Middle) -> list[Figure]:
    found: list[Figure] = []
    for label, figure in (("p50", _p50), ("p99", _p99)):
        best = min(of(peer, figure) for peer in PEERS)
        found.append(
            ratio_at_most(f"{name}: {label}", of(OURS, figure), "ms", baseline=best, goal=None)
        )
    judged = load.clients == max(echo.CLIENTS)
    ours = of(OURS, _cpu)
    label = f"{name}: CPU a prediction"
    found.append(at_most(label, ours, "ms", CPU_GOAL_MS) if judged else plain(label, ours, "ms"))
    found += [plain(f"{label}, {other}", of(other, _cpu), "ms") for other in (*PEERS, HOP)]
    for each in (OURS, *PEERS, HOP):
        found.append(plain(f"{name}: refused, {each}", of(each, _refused), "%"))
        found.append(plain(f"{name}: memory, {each}", of(each, _memory), "MB"))
        found.append(plain(f"{name}: a file created beside it, {each}", of(each, _file), "µs"))
    return found


def _rate(sample: Sample) -> float:
    return sample.rate


def _p50(sample: Sample) -> float:
    return sample.p50_ms


def _p99(sample: Sample) -> float:
    return sample.p99_ms


def _cpu(sample: Sample) -> float:
    return sample.cpu_ms


def _refused(sample: Sample) -> float:
    return 100 * sample.refused_share


def _memory(sample: Sample) -> float:
    return sample.memory_mb


def _file(sample: Sample) -> float:
    return sample.file_us
