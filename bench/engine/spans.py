"""Arithmetic on spans of time."""

from collections.abc import Iterable, Sequence

Span = tuple[float, float]
"""When something began and ended, in seconds of one clock."""


def union(spans: Iterable[Span]) -> list[Span]:
    """The same instants in spans that do not touch, the earliest first."""
    joined: list[Span] = []
    for began, ended in sorted(spans):
        if joined and began <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(ended, joined[-1][1]))
        else:
            joined.append((began, ended))
    return joined


def share(of: Sequence[Span], within: Sequence[Span]) -> float:
    """How much of the time in *within* is also in *of*; 0 if there is no such time."""
    outer = union(within)
    length = sum(ended - began for began, ended in outer)
    if length <= 0:
        return 0.0
    inner = union(of)
    both = sum(
        max(0.0, min(one[1], other[1]) - max(one[0], other[0])) for one in outer for other in inner
    )
    return both / length
