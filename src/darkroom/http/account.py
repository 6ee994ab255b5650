"""Whose key this is, and what the server has to run on.

Source: Replicate's published OpenAPI description; hardware is a bare list there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.domain.model import Hardware
from darkroom.http.answers import caller, json_answer, route


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRoutes:
    """The account and the hardware."""

    hardware: Sequence[Hardware]

    def routes(self) -> list[Route]:
        """The routes, relative to the mount of the API."""
        return [route("/account", self.account), route("/hardware", self.list_hardware)]

    async def account(self, request: Request) -> Response:
        """Whose key came with the request."""
        owner = caller(request).owner
        return json_answer({"type": "user", "username": owner, "name": owner, "github_url": None})

    async def list_hardware(self, request: Request) -> Response:  # noqa: ARG002  # Starlette's signature
        """What a model may ask for."""
        return json_answer([{"sku": one.sku, "name": one.name} for one in self.hardware])
