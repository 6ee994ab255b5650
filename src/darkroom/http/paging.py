"""Pages of a list that is kept newest first, by cursors on ids that sort in order of creation."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request

from darkroom.domain.errors import NotFound
from darkroom.domain.ids import is_prediction_id
from darkroom.http.answers import Site
from darkroom.http.problems import NOT_FOUND

PAGE_SIZE = 100
EMPTY_PAGE = {"next": None, "previous": None, "results": ()}


class HasId(Protocol):
    """Whatever can be listed."""

    @property
    def id(self) -> str:
        """Sorts in the order of creation."""
        ...


T = TypeVar("T", bound=HasId)
IdT = TypeVar("IdT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Which part of a list: at most `size`, strictly `before` or `after` an id."""

    size: int
    before: str | None = None
    after: str | None = None

    @classmethod
    def of(cls, request: Request) -> "Cut":
        """The part of a hundred that a request asks for.

        Raises:
            NotFound: its cursor is none of ours.
        """
        text = request.query_params.get("cursor")
        if text is None:
            return cls(size=PAGE_SIZE)
        try:
            padded = base64.urlsafe_b64decode(text + "==")
            direction, _, id_ = padded.decode("ascii").partition("=")
        except ValueError:
            direction, id_ = "", ""
        if direction not in ("a", "b") or not is_prediction_id(id_):
            raise NotFound(NOT_FOUND)
        return cls(size=PAGE_SIZE, **{"before" if direction == "b" else "after": id_})

    def edges(self, kind: Callable[[str], IdT]) -> tuple[IdT | None, IdT | None]:
        """`before` and `after` as ids of the *kind* that is listed."""
        return (
            None if self.before is None else kind(self.before),
            None if self.after is None else kind(self.after),
        )

    @property
    def wanted(self) -> int:
        """How many to ask the store for: one more, to know whether the list goes on."""
        return self.size + 1

    def shown(self, found: Sequence[T]) -> Sequence[T]:
        """What is shown of the `wanted` that were *found*, newest first."""
        if len(found) <= self.size:
            return found
        return found[1:] if self.after is not None else found[:-1]

    def links(
        self, found: Sequence[T], here: Site, path: str, filters: Mapping[str, str] | None = None
    ) -> Mapping[str, str | None]:
        """`next` and `previous` of the page: absolute, with the same *filters*, or null."""

        def link(direction: str, edge: T) -> str:
            cursor = base64.urlsafe_b64encode(f"{direction}={edge.id}".encode())
            asked = {**(filters or {}), "cursor": cursor.decode().rstrip("=")}
            return here.api(f"{path}?{urlencode(asked)}")

        shown, more = self.shown(found), len(found) > self.size
        older = bool(found) if self.after is not None else more
        newer = more if self.after is not None else self.before is not None and bool(found)
        return {
            "next": link("b", shown[-1]) if older else None,
            "previous": link("a", shown[0]) if newer else None,
        }
