"""Deployments: create, list, get, update, delete, and run what they point to.

Source: Replicate's published OpenAPI description of deployments.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.domain.deployment import Configuration, Deployment
from darkroom.domain.ids import Owner
from darkroom.http.answers import caller, json_answer, route, site
from darkroom.http.creating import Creations, Target
from darkroom.http.paging import Cut
from darkroom.http.times import iso
from darkroom.ports.serving import InputValidator
from darkroom.service.deployments import Change, Deployments


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRoutes:
    """The routes of deployments; only their owner sees them."""

    deployments: Deployments
    validator: InputValidator
    creations: Creations

    def routes(self) -> list[Route]:
        """Paths relative to the API's mount."""
        one = "/deployments/{owner}/{name}"
        return [
            route("/deployments", self.list_page),
            route("/deployments", self.create, method="POST"),
            route(one, self.get),
            route(one, self.update, method="PATCH"),
            route(one, self.delete, method="DELETE"),
            route(f"{one}/predictions", self.run, method="POST"),
        ]

    async def list_page(self, request: Request) -> Response:
        """A page of the caller's deployments, newest first."""
        cut = Cut.of(request)
        found = await self.deployments.page(
            caller(request).owner, size=cut.wanted, before=cut.before, after=cut.after
        )
        links = cut.links(found, site(request), "/deployments")
        return json_answer({**links, "results": [_shown(one) for one in cut.shown(found)]})

    async def create(self, request: Request) -> Response:
        """Give a version a stable name."""
        body = await self.creations.checked(request, "DeploymentRequest")
        wanted = msgspec.convert(body.document, Configuration, strict=False)
        owner, name = caller(request).owner, str(body.document["name"])
        return json_answer(_shown(await self.deployments.create(owner, name, wanted)))

    async def get(self, request: Request) -> Response:
        """One deployment."""
        return json_answer(_shown(await self._asked(request)))

    async def update(self, request: Request) -> Response:
        """Make the next release."""
        body = await self.creations.checked(request, "DeploymentChange")
        change = msgspec.convert(body.document, Change, strict=False)
        owner, name = _path(request)
        changed = await self.deployments.update(owner, name, change, by=caller(request).owner)
        return json_answer(_shown(changed))

    async def delete(self, request: Request) -> Response:
        """Forget it at once."""
        owner, name = _path(request)
        await self.deployments.delete(owner, name, by=caller(request).owner)
        return Response(status_code=204)

    async def run(self, request: Request) -> Response:
        """Run the version of the current release."""
        body = await self.creations.body(request)
        deployment = await self._asked(request)
        model, version = self.deployments.runnable(deployment)
        self.validator.check(version, body.document, with_version=False)
        target = Target(model=model, version=version, deployment=deployment.path)
        return await self.creations.answer(request, body, target)

    async def _asked(self, request: Request) -> Deployment:
        owner, name = _path(request)
        return await self.deployments.get(owner, name, by=caller(request).owner)


def _path(request: Request) -> tuple[Owner, str]:
    return Owner(request.path_params["owner"]), request.path_params["name"]


def _shown(deployment: Deployment) -> Mapping[str, object]:
    release = deployment.release
    configuration = release.configuration
    return {
        "owner": deployment.owner,
        "name": deployment.name,
        "current_release": {
            "number": release.number,
            "model": configuration.model,
            "version": configuration.version,
            "created_at": iso(release.created_at),
            "created_by": {
                "type": "user",
                "username": deployment.owner,
                "name": deployment.owner,
            },
            "configuration": {
                "hardware": configuration.hardware,
                "min_instances": configuration.min_instances,
                "max_instances": configuration.max_instances,
            },
        },
    }
