"""A file that is read piece by piece, whatever becomes of its name meanwhile."""

import threading
from pathlib import Path
from typing import BinaryIO


class Opened:
    """The file at *path* from its first piece to `close`; pieces may be read in any thread.

    It is opened with the first piece, and stays readable after it was deleted.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._closed = False
        self._reading = threading.Lock()

    def piece(self, start: int, size: int) -> bytes:
        """Up to *size* bytes from *start*; nothing after `close`.

        Raises:
            OSError: it cannot be opened or read.
        """
        data = b""
        with self._reading:
            if not self._closed:
                if self._file is None:
                    self._file = Path(self._path).open("rb")  # noqa: SIM115  # `close` closes it
                self._file.seek(start)
                data = self._file.read(size)
        if self._closed:
            self.close()
        return data

    def close(self) -> None:
        """Close it without waiting: if a piece is being read just now, whoever reads it does."""
        self._closed = True
        if self._reading.acquire(blocking=False):
            try:
                if self._file is not None:
                    self._file.close()
                    self._file = None
            finally:
                self._reading.release()
