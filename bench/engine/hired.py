"""Children that make pictures, as the measuring process sees them: it never imports torch."""

import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import msgspec

from bench.engine.asked import Loaded, Made, Setup, Wanted

PATIENCE_SECONDS = 30


class Hired:
    """Satisfies `bench.engine.asked.Maker`; the first call waits for the weights."""

    def __init__(self, process: "subprocess.Popen[bytes]", setup: Setup) -> None:
        self.setup = setup
        self._process = process
        self._loaded: Loaded | None = None

    @property
    def loaded(self) -> Loaded:
        """What loading took; waits for it."""
        if self._loaded is None:
            self._loaded = msgspec.json.decode(self._line(), type=Loaded)
        return self._loaded

    def make(self, orders: Sequence[Wanted]) -> Made:
        """Have pictures made."""
        if self._process.stdin is None:
            raise RuntimeError("the child has no pipes")
        _ = self.loaded
        self._process.stdin.write(msgspec.json.encode(orders) + b"\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._line(), type=Made)

    def _line(self) -> bytes:
        line = self._process.stdout.readline() if self._process.stdout else b""
        if not line:
            code = self._process.wait(PATIENCE_SECONDS)
            raise RuntimeError(f"the child for {self.setup} ended with {code}; see above for why")
        return line


@contextmanager
def hired(setup: Setup) -> Generator[Hired]:
    """A child, from now on loading its weights; it is ended at the end."""
    words = msgspec.json.encode(setup).decode()
    threads = {"OMP_NUM_THREADS": "1"} if setup.alone else {}
    with subprocess.Popen(
        (sys.executable, "-m", "bench.engine.child", words),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TRANSFORMERS_VERBOSITY": "error", **threads},
    ) as process:
        try:
            yield Hired(process, setup)
        finally:
            process.kill()
