"""Progress as a person sees it: one bar that is redrawn, or plain lines without a screen."""

import shutil
from typing import TextIO

from darkroom.domain.progress import parse

_BAR = 30


class Progress:
    """Shows log text as it arrives.

    Args:
        screen: where to draw, usually stderr.
    """

    def __init__(self, screen: TextIO) -> None:
        self._screen = screen
        self._live = screen.isatty()
        self._rest = ""
        self._drawn = False

    def take(self, text: str) -> None:
        """Show more log text; half a line waits for its other half."""
        *lines, self._rest = (self._rest + text).replace("\r", "\n").split("\n")
        for line in lines:
            self._show(line)

    def close(self) -> None:
        """Show what is left and leave the cursor on a fresh line."""
        if self._rest:
            self._show(self._rest)
            self._rest = ""
        if self._drawn:
            self._screen.write("\n")
            self._drawn = False
        self._screen.flush()

    def _show(self, line: str) -> None:
        found = parse(line)
        if not self._live or found is None:
            if line.strip():
                self._screen.write(f"{self._wipe()}{line}\n")
                self._drawn = False
        else:
            filled = min(_BAR, _BAR * found.done // max(found.total, 1))
            bar = "█" * filled + "░" * (_BAR - filled)
            told = f"{bar} {found.percent}% {found.done}/{found.total}"
            self._screen.write(f"{self._wipe()}{told}")
            self._drawn = True
        self._screen.flush()

    def _wipe(self) -> str:
        if not self._drawn:
            return ""
        return "\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r"
