"""What a benchmark finds: one figure a row, told as a table and as JSON."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import msgspec

HEADINGS = ("figure", "value", "unit", "baseline", "ratio", "goal", "met")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row. `goal` is held against `ratio` where there is one, else against `value`."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    goal: float | None = None
    met: bool | None = None


def plain(name: str, value: float, unit: str) -> Figure:
    """A figure without a goal, such as a peer's."""
    return Figure(name=name, value=value, unit=unit)


def at_most(name: str, value: float, unit: str, goal: float) -> Figure:
    return Figure(name=name, value=value, unit=unit, goal=goal, met=value <= goal)


def at_least(name: str, value: float, unit: str, goal: float) -> Figure:
    return Figure(name=name, value=value, unit=unit, goal=goal, met=value >= goal)


def ratio_at_least(
    name: str, value: float, unit: str, *, baseline: float, goal: float | None
) -> Figure:
    """`value / baseline` should reach *goal*; None only reports the ratio."""
    ratio = value / baseline
    met = None if goal is None else ratio >= goal
    return Figure(
        name=name, value=value, unit=unit, baseline=baseline, ratio=ratio, goal=goal, met=met
    )


def ratio_at_most(
    name: str, value: float, unit: str, *, baseline: float, goal: float | None
) -> Figure:
    """`value / baseline` should stay below *goal*; None only reports the ratio."""
    ratio = value / baseline
    met = None if goal is None else ratio <= goal
    return Figure(
        name=name, value=value, unit=unit, baseline=baseline, ratio=ratio, goal=goal, met=met
    )


def middle(values: Iterable[float]) -> float:
    return median(values)


def quantile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def write_json(figures: Sequence[Figure], to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {key: round(cell, 4) if isinstance(cell, float) else cell for key, cell in row.items()}
        for row in (asdict(figure) for figure in figures)
    ]
    to.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")


def read_json(path: Path) -> list[Figure]:
    """What `write_json` wrote there."""
    return msgspec.json.decode(path.read_bytes(), type=list[Figure])


def markdown(figures: Sequence[Figure]) -> str:
    """A table for a document: the figures that are held against something, or all if none is."""
    held = [figure for figure in figures if figure.baseline is not None or figure.goal is not None]
    rows = [
        HEADINGS,
        tuple("---" for _ in HEADINGS),
        *(_cells(figure) for figure in held or figures),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def table(figures: Sequence[Figure]) -> str:
    rows = [HEADINGS, *(_cells(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *rest = (
        cell.ljust(width) if column in {0, 2} else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join((name, *rest)).rstrip()


def _cells(figure: Figure) -> tuple[str, ...]:
    met = {None: "", True: "yes", False: "NO"}[figure.met]
    return (
        figure.name,
        _number(figure.value),
        figure.unit,
        _number(figure.baseline),
        _number(figure.ratio),
        _number(figure.goal),
        met,
    )


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
