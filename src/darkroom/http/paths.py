"""A router that says which methods a path has when it refuses one.

Every method is a route of its own here, and Starlette names those of the first route alone.
Source: RFC 9110, section 15.5.6, by which a 405 lists all of them.
"""

from starlette.exceptions import HTTPException
from starlette.routing import Match, Route, Router
from starlette.types import Receive, Scope, Send


class _Told(HTTPException):
    """A 405 that names all methods: routers around the one that knows them let it pass."""


class Paths(Router):
    """Starlette's router but for the `Allow` of a 405."""

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            HTTPException: 405, its `Allow` naming every method of the path.
        """
        try:
            await super().app(scope, receive, send)
        except _Told:
            raise
        except HTTPException as error:
            if error.status_code != 405:
                raise
            headers = {"Allow": ", ".join(sorted(self._methods(scope)))}
            raise _Told(405, error.detail, headers) from error

    def _methods(self, scope: Scope) -> set[str]:
        return {
            method
            for route in self.routes
            if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE
            for method in route.methods or ()
        }
