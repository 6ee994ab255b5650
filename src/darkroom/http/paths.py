"""A router that says which methods a path has when it refuses one.

Every method is a route of its own here, and Starlette names those of the first route alone.
Source: RFC 9110, section 15.5.6, by which a 405 lists all of them.
"""

from starlette.exceptions import HTTPException
from starlette.routing import Match, Route, Router
from starlette.types import Receive, Scope, Send


class Paths(Router):
    """Starlette's router but for the `Allow` of a 405."""

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            HTTPException: 405, its `Allow` naming every method of the path.
        """
        try:
            await super().app(scope, receive, send)
        except HTTPException as error:
            methods = self._methods(scope) if error.status_code == 405 else None
            if not methods:  # another refusal, or one of a mounted router
                raise
            headers = {"Allow": ", ".join(sorted(methods))}
            raise HTTPException(405, error.detail, headers) from error

    def _methods(self, scope: Scope) -> set[str]:
        return {
            method
            for route in self.routes
            if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE
            for method in route.methods or ()
        }
