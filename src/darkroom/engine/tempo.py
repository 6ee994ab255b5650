"""How long a call of the denoiser takes with so many rows, as far as that has been seen."""

from darkroom.engine.room import Group

CHEAP = 1.15
_NEW = 0.3  # weight of the newest measurement


class Tempo:
    """Remembers the seconds of calls, by group and rows of the batch."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[Group, int], float] = {}

    def learned(self, group: Group, lanes: int, seconds: float) -> None:
        """A call took so long."""
        known = self._seconds.get((group, lanes), seconds)
        self._seconds[group, lanes] = known + _NEW * (seconds - known)

    def cheap(self, group: Group, few: int, many: int) -> bool:
        """Whether a call with *many* rows is known to take hardly longer than with *few*."""
        short, long = self._seconds.get((group, few)), self._seconds.get((group, many))
        return short is not None and long is not None and long <= CHEAP * short

    def forget(self, engine: int) -> None:
        """Drop what is known of an engine."""
        self._seconds = {key: one for key, one in self._seconds.items() if key[0][0] != engine}
