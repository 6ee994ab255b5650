"""The pages for people: front page, a model, a prediction, the API's description; and their assets.

Every page is whole without its script and sends no request that could be refused. Whoever
knows a prediction's id may look at its page, unless the operator keeps pages private.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.metadata import version
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.domain.ids import PredictionId, is_prediction_id
from darkroom.domain.model import Json, Model
from darkroom.http import contract
from darkroom.http.answers import Site, route, site
from darkroom.http.assets import Assets
from darkroom.http.headers import API_HEADERS, PAGE_HEADERS
from darkroom.http.markup import Html, document, element, fragment, spoken
from darkroom.http.page_docs import docs_main
from darkroom.http.page_model import model_main
from darkroom.http.page_prediction import prediction_main
from darkroom.http.shown import shown

HTML = "text/html; charset=utf-8"
REFRESH_SECONDS = 5

Look: TypeAlias = Callable[[PredictionId, Site], Awaitable[Mapping[str, Json] | None]]
Models: TypeAlias = Callable[[], Sequence[Model]]


class PageRoutes:
    """The pages, given how to look at a prediction.

    Args:
        look: the JSON of `GET /predictions/{id}` for whoever asks, or None.
        models: what the front page lists.
        private: whether pages of predictions show nothing of them.
    """

    def __init__(self, look: Look, models: Models, *, private: bool) -> None:
        """Read the assets; nothing else happens before a request."""
        self._look = look
        self._models = models
        self._private = private
        self._assets = Assets()
        self._version = version("darkroom")

    def routes(self) -> list[Route]:
        """The routes, all of them open to callers without a key."""
        return [
            route("/", self._index),
            route("/docs", self._docs),
            route("/openapi.json", self._contract),
            route("/p/{id}", self._prediction),
            self._assets.route(),
            route("/{owner}/{name}", self._model),
        ]

    async def _index(self, request: Request) -> Response:
        main = index_main(self._models(), site(request))
        return self._page("darkroom", main, up="")

    async def _docs(self, request: Request) -> Response:  # noqa: ARG002  # Starlette's signature
        return self._page("API · darkroom", docs_main(), up="")

    async def _contract(self, request: Request) -> Response:  # noqa: ARG002  # Starlette's signature
        return Response(contract.document(), 200, API_HEADERS, "application/json")

    async def _prediction(self, request: Request) -> Response:
        if self._private:
            return self._page("Private · darkroom", _private_main(), up="../")
        asked = str(request.path_params["id"])
        where = site(request)
        wire = await self._look(PredictionId(asked), where) if is_prediction_id(asked) else None
        if wire is None:
            return self._page("Not found · darkroom", _missing_main(), up="../", status=404)
        one = shown(wire)
        return self._page(
            f"{one.status} · {one.model}", prediction_main(one, where), up="../", live=one.live
        )

    async def _model(self, request: Request) -> Response:
        path = "{owner}/{name}".format_map(request.path_params)
        model = next((one for one in self._models() if one.path == path), None)
        if model is None:
            return self._page("Not found · darkroom", _nothing_main(), up="../", status=404)
        return self._page(f"{path} · darkroom", model_main(model, site(request)), up="../")

    def _page(
        self, title: str, main: Html, *, up: str, status: int = 200, live: bool = False
    ) -> Response:
        head = self._head(up, live=live)
        body = fragment(
            [
                element("a", "Skip to content", href="#main", class_="skip"),
                self._top(up),
                main,
                self._foot(),
            ]
        )
        return Response(document(title=title, head=head, body=body), status, PAGE_HEADERS, HTML)

    def _head(self, up: str, *, live: bool) -> Html:
        refresh = element("meta", http_equiv="refresh", content=str(REFRESH_SECONDS))
        return fragment(
            [
                element("meta", name="viewport", content="width=device-width, initial-scale=1"),
                element("meta", name="color-scheme", content="light dark"),
                element("link", rel="icon", href=up + self._assets.href("mark.svg")),
                element("link", rel="stylesheet", href=up + self._assets.href("darkroom.css")),
                element("script", src=up + self._assets.href("prediction.js"), defer=True),
                element("noscript", refresh) if live else None,
            ]
        )

    def _top(self, up: str) -> Html:
        mark = element("img", src=up + self._assets.href("mark.svg"), alt="", width="20")
        return element(
            "nav",
            element("a", mark, "darkroom", href=up or ".", class_="brand"),
            element("a", "API", href=f"{up}docs"),
            aria_label="Site",
        )

    def _foot(self) -> Html:
        return element("footer", f"darkroom {self._version}")


def index_main(models: Sequence[Model], where: Site) -> Html:
    """The front page: what this is, where the API is, how to get a key, what can be run."""
    return element(
        "main",
        element("h1", "darkroom"),
        element("p", "Replicate's prediction API on this machine.", class_="quiet"),
        element("h2", "Start"),
        element(
            "p",
            "The API is at ",
            element("code", where.api("")),
            ". Read ",
            element("a", "how to call it", href="docs"),
            ", or take its ",
            element("a", "OpenAPI document", href="openapi.json"),
            ".",
        ),
        element(
            "p",
            spoken(
                "You need a key: `darkroom keys create --owner NAME` on this machine prints one."
            ),
        ),
        element("h2", "Models"),
        _models_list(models),
        id="main",
    )


def _models_list(models: Sequence[Model]) -> Html:
    if not models:
        return element("p", spoken("None yet. Add one to `darkroom.yaml`."), class_="empty")
    items = [
        element("li", _link(one), element("p", one.description, class_="quiet")) for one in models
    ]
    return element("ul", *items, class_="models")


def _link(model: Model) -> Html:
    return element("a", element("code", model.path), href=model.path)


def _missing_main() -> Html:
    return element(
        "main",
        element("h1", "No such prediction"),
        element(
            "p",
            "There is no prediction with this id here. It may have been removed, or the "
            "address may be cut short.",
        ),
        element("p", element("a", "To the front page", href="../")),
        id="main",
    )


def _nothing_main() -> Html:
    return element(
        "main",
        element("h1", "Nothing here"),
        element(
            "p",
            spoken("There is no public model of this name. The API is below `/v1`, with a key."),
        ),
        element("p", element("a", "To the front page", href="../")),
        id="main",
    )


def _private_main() -> Html:
    return element(
        "main",
        element("h1", "Private"),
        element("p", "The operator of this server keeps the pages of predictions private."),
        element(
            "p",
            spoken(
                "With a key you can read the prediction through the API: "
                "`GET /v1/predictions/{id}`, or `darkroom predictions get ID` on the machine."
            ),
        ),
        id="main",
    )
