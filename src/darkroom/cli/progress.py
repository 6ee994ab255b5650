"""Progress as a person sees it: one bar that is redrawn, or plain lines without a screen.

Above the bar there may be a picture, which is redrawn with it. What is said stays above both.
"""

import shutil
from collections.abc import Sequence
from threading import Lock
from typing import TextIO

from darkroom.cli.blocks import MOST_COLUMNS, Picture, half_blocks
from darkroom.domain.progress import parse

_BAR = 30
_OTHER_LINES = 3  # the bar, what is said last, and the cursor's
_ERASE_BELOW = "\x1b[J"


class Progress:
    """Shows log text as it arrives, and pictures, which may come from another thread.

    Args:
        screen: where to draw, usually stderr.
    """

    def __init__(self, screen: TextIO) -> None:
        self._screen = screen
        self._live = screen.isatty()
        self._lock = Lock()
        self._rest = ""
        self._bar = ""
        self._picture: Sequence[str] = ()
        self._drawn = 0  # lines that are redrawn; the cursor is on the last of them
        self._closed = False

    def take(self, text: str) -> None:
        """Show more log text; half a line waits for its other half."""
        with self._lock:
            *lines, self._rest = (self._rest + text).replace("\r", "\n").split("\n")
            for line in lines:
                self._show(line)

    def show(self, picture: Picture) -> None:
        """Show *picture* instead of the one before; on no screen, or after the end, nothing."""
        with self._lock:
            if not self._live or self._closed:
                return
            size = shutil.get_terminal_size()
            self._picture = half_blocks(
                picture,
                columns=max(1, min(MOST_COLUMNS, size.columns - 1)),
                lines=max(1, size.lines - _OTHER_LINES),
            )
            self._screen.write(self._wipe() + self._draw())
            self._screen.flush()

    def close(self) -> None:
        """Show what is left, take the picture away and leave the cursor on a fresh line."""
        with self._lock:
            self._closed = True
            if self._rest:
                self._show(self._rest)
                self._rest = ""
            if self._picture:
                self._screen.write(self._wipe())
                self._picture = ()
                self._screen.write(self._draw())
            if self._drawn:
                self._screen.write("\n")
                self._drawn = 0
            self._screen.flush()

    def _show(self, line: str) -> None:
        found = parse(line)
        if not self._live or found is None:
            if line.strip():
                wiped = self._wipe()
                self._bar = ""
                self._screen.write(f"{wiped}{line}\n{self._draw()}")
        else:
            filled = min(_BAR, _BAR * found.done // max(found.total, 1))
            bar = "█" * filled + "░" * (_BAR - filled)
            wiped = self._wipe()
            self._bar = f"{bar} {found.percent}% {found.done}/{found.total}"
            self._screen.write(wiped + self._draw())
        self._screen.flush()

    def _draw(self) -> str:
        lines = [*self._picture, self._bar] if self._picture else [self._bar] * bool(self._bar)
        self._drawn = len(lines)
        return "\n".join(lines)

    def _wipe(self) -> str:
        """Take away what is redrawn; the cursor is then where it began."""
        drawn, self._drawn = self._drawn, 0
        if drawn > 1:
            return f"\r\x1b[{drawn - 1}A{_ERASE_BELOW}"
        return "\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r" if drawn else ""
