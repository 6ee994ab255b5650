"""The catalogue's routes answer what Replicate's clients expect of models and versions."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import httpx2
import pytest
from replicate.account import Account
from replicate.model import Model as ClientModel
from replicate.version import Version as ClientVersion
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from tests.http.test_trainings import got, started, trained
from tests.support.rig import rig
from tests.support.vendor import parse

from darkroom.compose.hardware import CPU
from darkroom.domain.errors import InvalidInput, NotFound
from darkroom.domain.ids import Owner, VersionId
from darkroom.domain.model import Model
from darkroom.domain.prediction import Milliseconds
from darkroom.http import model_wire
from darkroom.http.account import AccountRoutes
from darkroom.http.answers import Caller, Site
from darkroom.http.model_wire import ModelWire, RunCount
from darkroom.http.models import ModelRoutes
from darkroom.http.times import iso
from darkroom.service.catalogue import Catalogue, load_catalogue

ORIGIN = "http://rooms.test:8000"
PREFIX = "/replicate/v1"
SD = "/models/stability-ai/stable-diffusion-img2img"
SD_VERSION = "15a3689ee13b0d2616e98820eca31d4c3abcd36672df6afce5cb6feb1d66087d"
MULTI = "/models/flux-kontext-apps/multi-image-kontext-pro"


class Edge:
    """Stands where the real edge stands: tells the routes their site and caller."""

    def __init__(self, routes: list[Route]) -> None:
        self._app = Starlette(
            routes=[Mount(PREFIX, routes=routes)],
            exception_handlers={NotFound: _refused, InvalidInput: _refused},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["darkroom.site"] = Site(ORIGIN, PREFIX)
        scope["darkroom.caller"] = Caller(Owner("ada"), admin=False)
        await self._app(scope, receive, send)


async def _refused(_request: Request, error: Exception) -> Response:
    return JSONResponse(type(error).__name__, 404 if isinstance(error, NotFound) else 422)


class Client:
    """The routes of one catalogue, asked by path below the prefix or by absolute URL."""

    def __init__(self, catalogue: Catalogue, run_count: RunCount | None = None) -> None:
        wire = ModelWire(run_count or (lambda _: 0))
        routes = [
            *ModelRoutes(catalogue=catalogue, wire=wire).routes(),
            *AccountRoutes(hardware=[CPU]).routes(),
        ]
        self._client = TestClient(Edge(routes), base_url=ORIGIN)

    def get(self, path: str) -> httpx2.Response:
        return self._client.get(path if path.startswith("http") else PREFIX + path)

    def walk(self, path: str, link: str = "next") -> list[list[str]]:
        """Names page by page, following *link* until it is null."""
        pages: list[list[str]] = []
        following: str | None = path
        while following:
            page = self.get(following).json()
            pages.append([one["name"] for one in page["results"]])
            following = cast("str | None", page[link])
        return pages


@pytest.fixture(scope="module")
def client() -> Client:
    return Client(load_catalogue({}))


def many(count: int) -> Sequence[Model]:
    """Models `m000`, `m001` …, each a second younger than the one before; the last two twins."""
    one = load_catalogue({}).model("darkroom", "echo")

    def made(n: int) -> Model:
        at = Milliseconds(min(n, count - 2) * 1000)
        version = replace(one.latest, id=VersionId(f"{n:064x}"), created_at=at)
        return replace(one, name=f"m{n:03}", created_at=at, versions=[version])

    return [made(n) for n in range(count)]


def test_the_models_are_one_page_with_the_documented_ones_first(client: Client) -> None:
    page = client.get("/models").json()
    assert (page["next"], page["previous"]) == (None, None)
    assert page["results"][0]["name"] == "stable-diffusion-img2img"
    assert len(page["results"]) == 5


def test_a_model_has_every_documented_key(client: Client) -> None:
    model = client.get(SD).json()
    version = model.pop("latest_version")
    assert model == {
        "url": f"{ORIGIN}/stability-ai/stable-diffusion-img2img",
        "owner": "stability-ai",
        "name": "stable-diffusion-img2img",
        "description": (
            "Makes a new picture from a picture and a prompt, with Stable Diffusion 2.1."
        ),
        "visibility": "public",
        "is_official": False,
        "github_url": "https://github.com/replicate/cog-stable-diffusion-img2img",
        "paper_url": "https://arxiv.org/abs/2112.10752",
        "license_url": "https://github.com/Stability-AI/stablediffusion/blob/main/LICENSE-MODEL",
        "weights_url": None,
        "run_count": 0,
        "cover_image_url": None,
        "default_example": None,
        "created_at": "2026-11-20T12:00:04.000Z",
    }
    assert version == client.get(f"{SD}/versions/{SD_VERSION}").json()


@pytest.mark.conformance(82)
def test_the_vendors_client_parses_models_versions_and_account(client: Client) -> None:
    models = client.get("/models").json()["results"]
    parsed = [parse(ClientModel, one) for one in models]
    assert [f"{one.owner}/{one.name}" for one in parsed] == [
        f"{one['owner']}/{one['name']}" for one in models
    ]
    version = parse(ClientVersion, client.get(f"{SD}/versions/{SD_VERSION}").json())
    assert (version.id, version.cog_version) == (SD_VERSION, "0.16.0")
    account = parse(Account, client.get("/account").json())
    assert (account.type, account.username, account.name) == ("user", "ada", "ada")


def test_runs_are_counted_by_whoever_counts_them() -> None:
    counted = Client(load_catalogue({}), {"darkroom/echo": 7}.__getitem__)
    assert counted.get("/models/darkroom/echo").json()["run_count"] == 7


@pytest.mark.conformance(84)
def test_versions_are_shown_for_a_community_model_and_hidden_for_an_official_one(
    client: Client,
) -> None:
    empty = {"next": None, "previous": None, "results": list[str]()}
    assert [one["id"] for one in client.get(f"{SD}/versions").json()["results"]] == [SD_VERSION]
    assert client.get(f"{MULTI}/versions").json() == empty


def test_the_version_of_an_official_model_can_be_asked_for(client: Client) -> None:
    latest = client.get(MULTI).json()["latest_version"]
    assert client.get(f"{MULTI}/versions/{latest['id']}").json() == latest


def test_a_readme_is_plain_text(client: Client) -> None:
    answer = client.get(f"{SD}/readme")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith("# stability-ai/stable-diffusion-img2img")


@pytest.mark.parametrize(
    "path",
    [
        "/models/acme/unknown",
        "/models/acme/unknown/versions",
        "/models/acme/unknown/readme",
        f"{SD}/versions/{'0' * 64}",
        f"{MULTI}/versions/{SD_VERSION}",
        "/models?cursor=nonsense",
        "/models?cursor=%C3%BC",
        f"/models?cursor={base64.b64encode(b'p=acme/unknown').decode()}",
        f"/models?cursor={base64.b64encode(bytes([255])).decode()}",
    ],
)
def test_what_is_not_there_is_not_found(client: Client, path: str) -> None:
    assert client.get(path).json() == "NotFound"


@pytest.mark.parametrize("query", ["sort_by=name", "sort_direction=up"])
def test_a_sort_order_that_is_not_offered_is_refused(client: Client, query: str) -> None:
    assert client.get(f"/models?{query}").json() == "InvalidInput"


@pytest.mark.conformance(53)
def test_pages_hold_25_and_lead_on_without_gap_or_repeat() -> None:
    client = Client(Catalogue(many(60)))
    pages = client.walk("/models")
    assert [len(one) for one in pages] == [25, 25, 10]
    names = [name for page in pages for name in page]
    assert names[:3] == ["m058", "m059", "m057"]
    assert len(set(names)) == 60


def test_the_other_direction_is_kept_from_page_to_page() -> None:
    client = Client(Catalogue(many(60)))
    newest_first = [name for page in client.walk("/models") for name in page]
    pages = client.walk("/models?sort_direction=asc&sort_by=model_created_at")
    assert [name for page in pages for name in page] == newest_first[::-1]


def test_previous_leads_back_to_the_first_page() -> None:
    client = Client(Catalogue(many(60)))
    second = cast("str", client.get("/models").json()["next"])
    third = cast("str", client.get(second).json()["next"])
    assert third.startswith(f"{ORIGIN}{PREFIX}/models?")
    assert client.walk(third, link="previous") == client.walk("/models")[::-1]


@pytest.mark.conformance(24)
@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_753_841_751_786, "2025-07-30T02:15:51.786Z"),
        (1_753_841_751_006, "2025-07-30T02:15:51.006Z"),
        (1_753_841_751_000, "2025-07-30T02:15:51.000Z"),
    ],
)
def test_an_instant_has_exactly_three_fraction_digits(ms: int, text: str) -> None:
    assert iso(ms) == text


def test_only_so_many_schemas_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_wire, "_MOST_SCHEMAS", 2)
    wire = ModelWire(lambda _path: 0)
    versions = [one.latest for one in load_catalogue({}).models()]
    first = [wire.version(one) for one in versions]

    assert [wire.version(one) for one in versions] == first
    assert len(wire._schemas) == 2  # pyright: ignore[reportPrivateUsage]  # it shows nowhere else


async def test_who_reads_of_a_version_may_run_it_before_the_server_hears_of_it(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as here:
        made, job = await started(here)
        async with rig(tmp_path) as other:
            await trained(here, job)
            version = (await got(other, f"/v1/trainings/{made['id']}"))["output"]["version"]
            run = {"version": version, "input": {"prompt": "captain"}}
            assert (await other.client.post("/v1/predictions", json=run)).status_code == 201
