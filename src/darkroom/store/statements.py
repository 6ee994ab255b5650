"""The SQL texts, made ready for one database.

A text may carry marks: `/*NOW*/` the clock in milliseconds, `/*PREDICTION*/` the columns of a
prediction, `/*SERVER*/` the id of this server, `/*LOCK*/` and `/*LOCK_ROW*/` the clauses by which
writers pass one another, `/*ALONE*/` 1 unless another server takes from this :endpoint just now,
`/*OWNER_ALONE*/` the same for the line of an :owner, `/*LISTED*/` the texts of a JSON :listed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from darkroom.store.rows import PREDICTION_COLUMNS, Parameters, Value
from darkroom.store.transitions.recipe import Call, Calls, Gathered

_COMMENT = re.compile(r"--[^\n]*")
_PLACE = re.compile(r"\$(\d+)")
_PARAMETER = re.compile(r":([a-z_][a-z0-9_]*)")
_MARK = "cast($1 as bigint) as mark, "
_SHOWS = re.compile(r"(?is)select\b|with\b|.*\breturning\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What differs between databases inside a statement."""

    now: str
    lock: str
    lock_row: str
    alone: str
    owner_alone: str
    listed: str
    server: str


SQLITE = Dialect(
    now="cast((julianday('now') - 2440587.5) * 86400000.0 + 0.5 as integer)",
    lock="",
    lock_row="",
    alone="1",
    owner_alone="1",
    listed="select value from json_each(:listed)",
    server="''",
)


def postgres(server: str) -> Dialect:
    """The dialect of PostgreSQL.

    Args:
        server: id of this server, letters and digits alone.
    """
    return Dialect(
        now="cast(extract(epoch from statement_timestamp()) * 1000 as bigint)",
        lock="for update skip locked",
        lock_row="for update",
        alone="case when pg_try_advisory_xact_lock(hashtextextended(cast(:endpoint as text), 0)) "
        "then 1 else 0 end",
        owner_alone="case when pg_try_advisory_xact_lock("
        "hashtextextended(cast(:owner as text), 1)) then 1 else 0 end",
        listed="select jsonb_array_elements_text(cast(:listed as jsonb))",
        server=f"'{server}'",
    )


def load(dialect: Dialect) -> Mapping[str, str]:
    """Every statement by the name of its file."""
    marks = {
        "/*NOW*/": dialect.now,
        "/*PREDICTION*/": PREDICTION_COLUMNS,
        "/*SERVER*/": dialect.server,
        "/*LOCK*/": dialect.lock,
        "/*LOCK_ROW*/": dialect.lock_row,
        "/*ALONE*/": dialect.alone,
        "/*OWNER_ALONE*/": dialect.owner_alone,
        "/*LISTED*/": dialect.listed,
    }
    found: dict[str, str] = {}
    for path in (files("darkroom.store") / "sql").iterdir():
        if path.name.endswith(".sql"):
            text = path.read_text("utf-8")
            for mark, meaning in marks.items():
                text = text.replace(mark, meaning)
            found[path.name.removesuffix(".sql")] = text
    return found


@dataclass(frozen=True, slots=True)
class Numbered:
    """A statement whose parameters have places instead of names."""

    text: str
    names: Sequence[str]

    @property
    def shows(self) -> bool:
        """Whether rows come back."""
        return _SHOWS.match(self.text) is not None

    def values(self, parameters: Parameters) -> list[Value]:
        """What stands in each place. PostgreSQL keeps no NUL in text: it becomes U+FFFD."""
        return [_without_nul(parameters[name]) for name in self.names]


def numbered(text: str) -> Numbered:
    """Give the parameters of *text* places, and leave its comments out."""
    names: list[str] = []

    def place(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return Numbered(_PARAMETER.sub(place, _COMMENT.sub("", text)).strip(), tuple(names))


class Statements:
    """All statements with numbered parameters, alone and put together.

    Args:
        texts: by name.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._alone = {name: numbered(text) for name, text in texts.items()}
        self._together: dict[tuple[int, tuple[str, ...]], str] = {}
        self._marked: dict[tuple[int, tuple[str, ...]], str] = {}

    def filled(self, asked: Calls) -> tuple[str, list[Value]]:
        """The text for what a transition asks, and the values of its parameters."""
        if isinstance(asked, tuple):
            one = self._alone[asked[0]]
            return one.text, one.values(asked[1])
        calls, shown = _calls(asked)
        names = tuple(name for name, _ in calls)
        text = self._together.get((shown, names))
        if text is None:
            text = self._together[shown, names] = self._joined(names, shown)
        values = [self._alone[name].values(parameters) for name, parameters in calls]
        return text, [value for several in values for value in several]

    def spelled(self, name: str, parameters: Mapping[str, int]) -> str:
        """The text of one statement with whole numbers written into it, to go with others."""
        one = self._alone[name]
        return _PLACE.sub(lambda match: str(parameters[one.names[int(match[1]) - 1]]), one.text)

    def marked(self, asked: Calls, mark: int) -> tuple[str, list[Value]]:
        """As `filled`, with *mark* as the first column of every row that comes back."""
        calls, shown = _calls(asked)
        names = tuple(name for name, _ in calls)
        text = self._marked.get((shown, names))
        if text is None:
            text = self._marked[shown, names] = self._joined(names, shown, _MARK)
        values: list[Value] = [mark]
        for name, parameters in calls:
            values += self._alone[name].values(parameters)
        return text, values

    def _joined(self, names: Sequence[str], shown: int, mark: str = "") -> str:
        """One statement that does what several do; its rows are those of the first *shown*."""
        parts: list[str] = []
        before = 1 if mark else 0
        for number, name in enumerate(names):
            one = self._alone[name]
            moved = _PLACE.sub(lambda match, by=before: f"${int(match.group(1)) + by}", one.text)
            parts.append(f"s{number} as ({moved})")
            before += len(one.names)
        if not self._alone[names[0]].shows:
            return f"with {', '.join(parts)} select {mark}null where false"
        rows = " union all ".join(f"select {mark}* from s{number}" for number in range(shown))  # noqa: S608  # our own texts
        return f"with {', '.join(parts)} {rows}"


def _calls(asked: Calls) -> tuple[Sequence[Call], int]:
    """The statements that *asked* is made of, and of how many of them the rows come back."""
    if isinstance(asked, Gathered):
        return asked.calls, len(asked.calls)
    return ([asked] if isinstance(asked, tuple) else asked), 1


def _without_nul(value: Value) -> Value:
    if isinstance(value, str) and "\0" in value:
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return value
