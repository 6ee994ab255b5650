"""Python's cycle collector, told to look less often.

A busy server makes thousands of short-lived objects a second that count their own references;
looking through all of them for cycles every 700 took a tenth of its time.
"""

import gc

ALLOCATIONS = 50_000


def calm() -> None:
    """Leave what is there now alone for ever, and look at the rest once in many allocations."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS, 20, 20)
