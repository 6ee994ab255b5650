"""Which SQLite this Python links, and what is known of it."""

import sqlite3

WAL_RESET_FIXED = (3, 51, 3)
"""Older ones may damage a WAL file when two connections write or checkpoint at the same instant.

Source: sqlite.org, "Write-Ahead Logging", section on the WAL-reset bug.
"""


def linked() -> tuple[int, int, int]:
    """The library's version."""
    return sqlite3.sqlite_version_info
