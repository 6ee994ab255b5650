"""Whether an answer has reached its client: what a route may ask of the connection below it.

Only the transport can know. A peer that has closed its end, or reset the connection, before our
answer was acknowledged has not got it.
"""

from typing import Protocol, cast

from starlette.requests import Request

CONNECTION = "darkroom.connection"  # key of a scope whose connection can be watched


class Losable(Protocol):
    """Something that is answered."""

    def lose(self) -> None:
        """The answer is lost. May be told when it has been told already."""
        ...


class Connection(Protocol):
    """The connection that a request came by."""

    def watch(self, answered: Losable) -> None:
        """Tell *answered* if its answer gets lost, until the client sends a next request."""
        ...

    def peer_gone(self) -> bool:
        """Whether the client has closed its end, also if that was not heard yet."""
        ...


def connection(request: Request) -> Connection | None:
    """The connection of this request; None where nobody can watch it."""
    return cast("Connection | None", request.scope.get(CONNECTION))
