"""Pictures held against each other, as bytes: no picture library is needed."""

from collections.abc import Iterable

from bench.engine.asked import Made


def difference(one: bytes, other: bytes) -> int:
    """The largest difference of a channel of a pixel, of 255 levels.

    Raises:
        ValueError: the pictures differ in size, or one did not come.
    """
    if not one or len(one) != len(other):
        raise ValueError(f"pictures of {len(one)} and {len(other)} bytes cannot be compared")
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def greatest(pairs: Iterable[tuple[bytes, bytes]]) -> int:
    """The largest difference within any of these pairs."""
    return max(difference(one, other) for one, other in pairs)


def pictures(made: Made) -> list[bytes]:
    """Those that came, in the order of asking."""
    return [came.pixels for came in made.came if came.pixels]
