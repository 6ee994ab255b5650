"""Python's cycle collector, told to look less often.

A busy server makes thousands of short-lived objects a second, which their reference counts free;
looking for cycles after every 700 of them finds next to nothing.
"""

import gc

ALLOCATIONS = 50_000


def calm() -> None:
    """Leave what is there now alone for ever, and look at the rest once in many allocations."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS, 20, 20)
