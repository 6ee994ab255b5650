"""The real clock."""

import time


class SystemClock:
    """Satisfies `ports.Clock` with this machine's time."""

    def wall_ms(self) -> int:
        """Unix time in milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()
