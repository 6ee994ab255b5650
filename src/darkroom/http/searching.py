"""Search: of models by QUERY, and of everything public for anybody.

Source: Replicate's published OpenAPI description; what its clients were seen to send as a query.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.domain.errors import InvalidField, InvalidInput
from darkroom.http import reading
from darkroom.http.answers import caller, json_answer, route, site
from darkroom.http.collections import BUILT_IN, built_in_models
from darkroom.http.model_wire import ModelWire
from darkroom.http.models import PAGE_SIZE
from darkroom.http.paging import EMPTY_PAGE
from darkroom.http.problems import MalformedRequest
from darkroom.service.catalogue import Catalogue
from darkroom.service.search import Hit, Search

LONGEST_BYTES = 10_000
LONGEST = 1000  # characters
MOST = 50
USUAL = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRoutes:
    """The two ways to search."""

    catalogue: Catalogue
    wire: ModelWire
    finder: Search

    def routes(self) -> list[Route]:
        """The routes, relative to the mount of the API."""
        return [
            route("/models", self.query_models, method="QUERY"),
            route("/search", self.search),
        ]

    async def query_models(self, request: Request) -> Response:
        """The best 25 of the models that the caller sees, for the words in the body."""
        words = _words(await reading.body(request, LONGEST_BYTES))
        hits = self.finder.find(_short(words), caller(request).owner)[:PAGE_SIZE]
        shown = [self.wire.model(one.model, site(request)) for one in hits]
        return json_answer({**EMPTY_PAGE, "results": shown})

    async def search(self, request: Request) -> Response:
        """Public models, and collections that hold one of them."""
        query = request.query_params.get("query", "").strip()
        if not query:
            raise MalformedRequest('Query parameter "query" is required')
        hits = self.finder.find(_short(query))[: _limit(request)]
        return json_answer(
            {
                "query": query,
                "models": [self._found(hit, request) for hit in hits],
                "collections": self._collections(hits),
                "pages": (),
            }
        )

    def _found(self, hit: Hit, request: Request) -> dict[str, object]:
        metadata = {
            "generated_description": hit.model.description or None,
            "tags": (),
            "score": hit.score,
        }
        return {"model": self.wire.model(hit.model, site(request)), "metadata": metadata}

    def _collections(self, hits: Sequence[Hit]) -> list[dict[str, object]]:
        inside = built_in_models(self.catalogue)
        if not any(hit.model in inside for hit in hits):
            return []
        return [{**BUILT_IN, "models": [one.path for one in inside]}]


def _words(body: bytes) -> str:
    """A query as text, raw or as a JSON string: clients send both under either content type."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise MalformedRequest("The query must be text in UTF-8.") from error
    if text[:1] == '"':
        try:
            return msgspec.json.decode(body, type=str)
        except msgspec.MsgspecError:
            return text
    return text


def _short(query: str) -> str:
    if len(query) > LONGEST:
        words = f"String length must be less than or equal to {LONGEST}"
        raise InvalidInput([InvalidField(type="string_lte", field="query", description=words)])
    return query


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(USUAL))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MOST):
        words = f"Must be a whole number from 1 to {MOST}"
        raise InvalidInput([InvalidField(type="invalid_type", field="limit", description=words)])
    return int(text)
