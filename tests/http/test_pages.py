"""The pages, over a server whose predictions are scripted."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from html.parser import HTMLParser

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.http.described import operations

from darkroom.domain.ids import PredictionId, VersionId
from darkroom.domain.model import Json, Model, OutputKind, Version
from darkroom.domain.prediction import Milliseconds
from darkroom.http import contract
from darkroom.http.answers import Site
from darkroom.http.headers import PAGE_HEADERS
from darkroom.http.page_prediction import curl
from darkroom.http.pages import PageRoutes
from darkroom.http.shown import shown

ORIGIN = "http://127.0.0.1:8000"
ID = "06c5j7apx9yak08js8dvvjqtr8"
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="
EVIL = "</pre></script><script>alert(1)</script><img src=x onerror=alert(1)>\"' `"
SITE = Site(ORIGIN, "/v1")


def wire(**changes: Json) -> dict[str, Json]:
    """A prediction as `GET /predictions/{id}` shows it while it runs."""
    return {
        "id": ID,
        "model": "stability-ai/stable-diffusion-img2img",
        "version": "15a3689ee13b0d2616e98820eca31d4c3abcd36672df6afce5cb6feb1d66087d",
        "input": {"prompt": "A fantasy landscape", "num_outputs": 1},
        "logs": "Using seed: 1\n 48%|####8     | 12/25 [00:03<00:03,  3.9it/s]\n",
        "output": None,
        "data_removed": False,
        "error": None,
        "status": "processing",
        "created_at": "2025-07-30T02:15:51.786Z",
        "started_at": "2025-07-30T02:15:52.000Z",
        "completed_at": None,
        "metrics": {},
        "urls": {
            "get": f"{ORIGIN}/v1/predictions/{ID}",
            "cancel": f"{ORIGIN}/v1/predictions/{ID}/cancel",
            "stream": f"{ORIGIN}/v1/files/token",
            "web": f"{ORIGIN}/p/{ID}",
        },
        **changes,
    }


def ended(**changes: Json) -> dict[str, Json]:
    done: dict[str, Json] = {
        "status": "succeeded",
        "output": [f"{ORIGIN}/files/token/out-0.png"],
        "completed_at": "2025-07-30T02:15:57.000Z",
        "metrics": {"predict_time": 5.211, "image_count": 1},
    }
    return wire(**{**done, **changes})


class Scripted:
    """A `look` that knows one prediction and counts how often it was asked."""

    def __init__(self, known: Mapping[str, Json]) -> None:
        self.known = known
        self.asked = 0

    async def __call__(self, prediction: PredictionId, site: Site) -> Mapping[str, Json] | None:
        assert site == SITE
        self.asked += 1
        return self.known if prediction == ID else None


def served(pages: PageRoutes) -> ASGIApp:
    app = Starlette(routes=pages.routes())

    async def edge(scope: Scope, receive: Receive, send: Send) -> None:
        scope["darkroom.site"] = SITE
        await app(scope, receive, send)

    return edge


def client(
    look: Scripted, *, models: Sequence[Model] = (), private: bool = False
) -> httpx2.AsyncClient:
    app = served(PageRoutes(look, lambda: models, private=private))
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ORIGIN)


async def page_of(known: Mapping[str, Json]) -> str:
    async with client(Scripted(known)) as browser:
        answer = await browser.get(f"/p/{ID}")
    assert answer.status_code == 200
    return answer.text


class Reader(HTMLParser):
    """What a browser would make of a page: elements, and URLs it would ask for or offer."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
async def browser() -> AsyncIterator[httpx2.AsyncClient]:
    async with client(Scripted(wire())) as one:
        yield one


async def test_a_running_prediction_shows_model_status_and_progress_and_is_followed() -> None:
    page = Reader(await page_of(wire()))
    assert "stability-ai/stable-diffusion-img2img" in page.words
    assert page.all("progress") == [{"max": "25", "value": "12", "aria-label": "Steps of this run"}]
    assert "12 of 25 · 48 %" in page.words
    assert page.all("main")[0] == {
        "id": "main",
        "data-live": None,
        "data-stream": "../v1/files/token",
        "data-previews": f"{ID}/previews",
    }
    assert {"http-equiv": "refresh", "content": "5"} in page.all("meta")


async def test_an_ended_prediction_shows_its_picture_and_is_not_followed() -> None:
    page = Reader(await page_of(ended()))
    pictures = [one for one in page.all("img") if one.get("class") == "checker"]
    assert pictures == [
        {"src": "../files/token/out-0.png", "alt": "A fantasy landscape", "class": "checker"}
    ]
    downloads = [one for one in page.all("a") if "download" in one]
    assert downloads == [{"href": "../files/token/out-0.png", "download": "out-0.png"}]
    assert page.all("main") == [{"id": "main"}]
    assert page.all("progress") == []
    assert not any("http-equiv" in one for one in page.all("meta"))
    assert "5.21 s" in page.words


async def test_an_error_is_told_in_its_own_words() -> None:
    page = Reader(await page_of(ended(status="failed", output=None, error="image: no picture")))
    assert "What went wrong" in page.words
    assert "image: no picture" in page.words


async def test_text_outputs_are_shown_joined() -> None:
    stream: Json = {"stream": f"{ORIGIN}/v1/streams/token"}
    page = Reader(await page_of(ended(output=["A ", "dog & ", "<b>"], urls=stream)))
    assert "A dog & <b>" in page.words


async def test_an_output_that_is_no_picture_is_a_download() -> None:
    page = Reader(await page_of(ended(output=f"{ORIGIN}/files/token/model.bin")))
    assert "Download model.bin" in page.words
    assert all(one.get("class") != "checker" for one in page.all("img"))


async def test_inputs_show_pictures_that_are_ours_and_only_name_the_others() -> None:
    inputs: Json = {
        "own": f"{ORIGIN}/files/token/input-0",
        "small": PIXEL,
        "far": "https://example.com/sketch.jpeg",
        "list": [PIXEL, "words"],
        "other": "data:text/html;base64,PHNjcmlwdD4=",
    }
    text = await page_of(wire(input=inputs))
    page = Reader(text)
    thumbs = [one["src"] for one in page.all("img") if one.get("class") == "thumb checker"]
    assert thumbs == ["../files/token/input-0", PIXEL, PIXEL]
    assert {"href": "https://example.com/sketch.jpeg", "rel": "noreferrer noopener"} in page.all(
        "a"
    )
    assert "data:" not in page.words
    assert "text/html, about 1 kB" in page.words
    assert "PHNjcmlwdD4" not in text


async def test_removed_data_is_told_as_removed() -> None:
    page = Reader(await page_of(ended(output=None, input={}, logs="", data_removed=True)))
    assert "were removed" in page.words
    assert "curl" not in page.words


async def test_only_the_end_of_a_long_log_is_sent() -> None:
    text = await page_of(ended(logs="".join(f"line {n}\n" for n in range(5000))))
    assert "line 4999" in text
    assert "line 4599" not in text
    assert "The last 400 of 5000 lines." in text


@pytest.mark.parametrize(
    "known",
    [
        ended(model=EVIL),
        ended(version=EVIL),
        ended(status=EVIL),
        ended(error=EVIL),
        ended(logs=EVIL),
        ended(input={EVIL: EVIL, "list": [EVIL, {EVIL: EVIL}], "u": "javascript:alert(1)"}),
        ended(input={"prompt": EVIL}),
        ended(output=EVIL),
        ended(output=[EVIL, {EVIL: EVIL}, f"{ORIGIN}/files/t/{EVIL}.png", f"https://x/{EVIL}"]),
        ended(metrics={EVIL: EVIL}),
        ended(created_at=EVIL, started_at=EVIL, completed_at=EVIL),
        wire(urls={"stream": EVIL}),
        wire(urls={"stream": "javascript:alert(1)"}),
    ],
)
async def test_hostile_text_in_any_field_stays_text(known: Mapping[str, Json]) -> None:
    page = Reader(await page_of(known))
    scripts = page.all("script")
    assert len(scripts) == 1
    assert str(scripts[0]["src"]).startswith("../assets/prediction.")
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") or name == "style" for name in attributes), tag
        for name in ("href", "src"):
            assert not str(attributes.get(name, "")).startswith("javascript:")
    assert {tag for tag, _ in page.elements} <= {
        "html",
        "head",
        "meta",
        "title",
        "link",
        "script",
        "noscript",
        "body",
        "a",
        "nav",
        "img",
        "main",
        "header",
        "h1",
        "h2",
        "p",
        "span",
        "section",
        "div",
        "figure",
        "figcaption",
        "pre",
        "code",
        "dl",
        "dt",
        "dd",
        "time",
        "details",
        "summary",
        "button",
        "progress",
        "footer",
    }


@pytest.mark.parametrize("broken", [{}, {"status": 7, "input": [], "output": {}, "urls": None}])
async def test_json_of_another_shape_breaks_no_page(broken: Mapping[str, Json]) -> None:
    assert "<main" in await page_of(broken)


@pytest.mark.parametrize(
    "asked", ["06c5j7c731sy5a0p00wnjjhkh4", "short", "x" * 500, "%00", "%3Cb%3E"]
)
async def test_an_unknown_id_gets_a_page_that_says_so(
    browser: httpx2.AsyncClient, asked: str
) -> None:
    answer = await browser.get(f"/p/{asked}")
    assert answer.status_code == 404
    assert "No such prediction" in answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


async def test_private_pages_tell_nothing_and_do_not_even_look() -> None:
    look = Scripted(wire())
    async with client(look, private=True) as browser:
        known = await browser.get(f"/p/{ID}")
        unknown = await browser.get("/p/nothing")
    assert known.status_code == unknown.status_code == 200
    assert known.text == unknown.text
    assert look.asked == 0
    assert "stability-ai" not in known.text
    assert "<h1>Private</h1>" in known.text


@pytest.mark.parametrize("path", ["/", "/docs", f"/p/{ID}", "/p/unknown"])
async def test_a_page_asks_only_for_what_this_server_answers(
    browser: httpx2.AsyncClient, path: str
) -> None:
    answer = await browser.get(path)
    for name, value in PAGE_HEADERS.items():
        assert answer.headers[name] == value
    page = Reader(answer.text)
    wanted = [str(one["src"]) for tag in ("script", "img") for one in page.all(tag)]
    wanted += [str(one["href"]) for one in page.all("link")]
    wanted += [str(one["href"]) for one in page.all("a") if "download" not in one]
    for url in wanted:
        if not url.startswith("#"):
            assert (await browser.get(str(answer.url.join(url)))).status_code == 200
    assert any("icon" in str(one["rel"]) for one in page.all("link"))


@pytest.mark.parametrize("name", ["darkroom.css", "prediction.js", "mark.svg"])
async def test_an_asset_is_kept_for_ever_under_a_name_of_its_content(
    browser: httpx2.AsyncClient, name: str
) -> None:
    stem, _, suffix = name.partition(".")
    found = re.search(rf"assets/{stem}\.[0-9a-f]{{16}}\.{suffix}", (await browser.get("/")).text)
    assert found is not None
    answer = await browser.get(f"/{found.group()}")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = await browser.get(
        f"/{found.group()}", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert (await browser.get(f"/assets/{name}")).status_code == 404


async def test_the_script_makes_no_markup_of_text(browser: httpx2.AsyncClient) -> None:
    found = re.search(r"assets/prediction\.\w+\.js", (await browser.get("/")).text)
    assert found is not None
    script = (await browser.get(f"/{found.group()}")).text
    for sink in ("innerHTML =", "outerHTML =", "insertAdjacentHTML", "document.write", "eval("):
        assert sink not in script


async def front(models: Sequence[Model]) -> str:
    async with client(Scripted({}), models=models) as browser:
        return Reader((await browser.get("/")).text).words


async def test_the_front_page_names_address_key_and_models() -> None:
    version = Version(
        id=VersionId("0" * 64),
        model="darkroom/echo",
        kind="echo",
        inputs=(),
        output=OutputKind.FILE,
        created_at=Milliseconds(0),
    )
    echo = Model(owner="darkroom", name="echo", description="<i>", official=False,
                 versions=[version], created_at=version.created_at)  # fmt: skip
    text = await front([echo])
    assert f"{ORIGIN}/v1" in text
    assert "darkroom keys create --owner NAME" in text
    assert "darkroom/echo<i>" in text
    assert "None yet" in await front([])


async def test_the_description_of_the_api_shows_every_operation(
    browser: httpx2.AsyncClient,
) -> None:
    page = Reader((await browser.get("/docs")).text)
    ids = {one.get("id") for one in page.all("article")}
    told = [one for one in ids if one and not one.startswith("schema-")]
    assert len(told) == len(operations())
    assert {"predictions.create", "files.open", "schema-Prediction"} <= ids
    assert "You did not pass an authentication token" in page.words
    inner = {str(one["href"])[1:] for one in page.all("a") if str(one["href"]).startswith("#")}
    assert inner <= {attributes.get("id") for _, attributes in page.elements}


async def test_the_document_is_served_as_json(browser: httpx2.AsyncClient) -> None:
    answer = await browser.get("/openapi.json")
    assert answer.json() == contract.parsed()
    assert answer.headers["content-type"] == "application/json"


def test_the_request_can_be_pasted_into_a_shell() -> None:
    text = curl(shown(ended(input={"prompt": "it's $HOME `x`\n", "image": PIXEL})), SITE)
    assert f"{ORIGIN}/v1/predictions " in text
    assert "stable-diffusion-img2img:15a3689e" in text
    assert "it'\"'\"'s $HOME `x`\\n" in text
    assert '"image": "DATA_URL_OF_YOUR_FILE"' in text
    assert "Bearer $DARKROOM_TOKEN" in text


def test_an_official_model_is_asked_for_by_its_name() -> None:
    text = curl(shown(ended(version="hidden", model="black-forest-labs/flux-kontext-dev")), SITE)
    assert f"{ORIGIN}/v1/models/black-forest-labs/flux-kontext-dev/predictions " in text
    assert '"version"' not in text
