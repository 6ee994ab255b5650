"""The faults that are tried, and what must be seen after each; a test is marked with its number."""

from collections.abc import Mapping
from typing import NamedTuple


class Fault(NamedTuple):
    """What breaks, and what must come of it."""

    what: str
    then: str


FAULTS: Mapping[int, Fault] = {
    1: Fault(
        "a server is killed after the commit of a creation and before its answer",
        "an error for the client; the prediction is there and runs; its `Idempotency-Key` finds it",
    ),
    2: Fault(
        "a server is killed before that commit",
        "there is no prediction, and nothing runs",
    ),
    3: Fault(
        "a server is killed again and again under load",
        "every 201 comes to a final status, and no request makes two predictions",
    ),
    4: Fault(
        "all servers are away while workers compute",
        "no attempt is given up meanwhile, and results are delivered when a server is back",
    ),
    5: Fault(
        "a model's process is killed in the middle of a step",
        "the attempt is `crashed` within a second and runs again",
    ),
    6: Fault(
        "a worker is killed",
        "its hosts die with it, and what it held runs again",
    ),
    7: Fault(
        "a machine loses its power or its network",
        "what it held runs again after the silence; what it still says changes nothing",
    ),
    8: Fault(
        "a worker is stopped for longer than the silence, then goes on",
        "its attempts are superseded: the winner's output and files stand, its own go",
    ),
    9: Fault(
        "a model's process is stopped",
        "it is killed after `host_silence_seconds`; the attempt is `crashed` and runs again",
    ),
    10: Fault(
        "a prediction kills whoever runs it, every time",
        "it is `failed` after three attempts and says so; others are not harmed",
    ),
    11: Fault(
        "a job gets lost on its way to a worker",
        "it is handed back by the worker's beats, and counted against nobody",
    ),
    12: Fault(
        "the end of a run is told twice",
        "there is one change of status, one webhook and one closed attempt",
    ),
    13: Fault(
        "attempt 1 tells its end after attempt 2 has begun",
        "nothing changes",
    ),
    14: Fault(
        "a cancel while the prediction waits",
        "`canceled` at once, and it never runs",
    ),
    15: Fault(
        "a cancel between claim and start",
        "`canceled`, and at most one step is run",
    ),
    16: Fault(
        "a cancel while it runs",
        "it stops within a step",
    ),
    17: Fault(
        "a cancel races the end of the run",
        "one of them wins; what is `canceled` has no output of that end",
    ),
    18: Fault(
        "a model does not heed a cancel",
        "its process is killed after `cancel_grace_seconds`; the next run there succeeds",
    ),
    19: Fault(
        "PostgreSQL is killed, or cuts its connections",
        "503 while it is away, nothing lost; those who wait and listen hear the end",
    ),
    20: Fault(
        "the disk is full",
        "creations are refused with 503, nothing is half there; runs end once there is room",
    ),
    21: Fault(
        "a clock jumps by an hour",
        "nobody is given up for it, and no time that is shown is negative",
    ),
    22: Fault(
        "a bucket fails, stalls or cuts an upload",
        "it is tried again, then `failed` with the true reason; no row names a missing file",
    ),
    23: Fault(
        "a webhook's receiver is down, fails, hangs or redirects",
        "tried again under the same id, others are not delayed, redirects are not followed",
    ),
    24: Fault(
        "Ray loses its head or a node",
        "runs go on, or run again elsewhere; workers are found by name and never doubled",
    ),
    25: Fault(
        "an upgrade while runs go on",
        "versions of the worker protocol are agreed upon, and nothing fails by a stop",
    ),
}

AWAITED: frozenset[int] = frozenset()
"""Those that need workers over a network, or Ray, and have no test yet."""
