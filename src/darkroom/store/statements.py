"""The SQL texts, made ready for one database.

A text may carry four marks: `/*NOW*/` the clock in milliseconds, `/*PREDICTION*/` the columns
of a prediction, `/*LOCK*/` and `/*LOCK_ROW*/` the clauses by which writers pass one another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from darkroom.store.rows import PREDICTION_COLUMNS


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What differs between databases inside a statement."""

    now: str
    lock: str
    lock_row: str


SQLITE = Dialect(
    now="cast((julianday('now') - 2440587.5) * 86400000.0 + 0.5 as integer)", lock="", lock_row=""
)


def load(dialect: Dialect) -> Mapping[str, str]:
    """Every statement by the name of its file."""
    marks = {
        "/*NOW*/": dialect.now,
        "/*PREDICTION*/": PREDICTION_COLUMNS,
        "/*LOCK*/": dialect.lock,
        "/*LOCK_ROW*/": dialect.lock_row,
    }
    found: dict[str, str] = {}
    for path in (files("darkroom.store") / "sql").iterdir():
        if path.name.endswith(".sql"):
            text = path.read_text("utf-8")
            for mark, meaning in marks.items():
                text = text.replace(mark, meaning)
            found[path.name.removesuffix(".sql")] = text
    return found
