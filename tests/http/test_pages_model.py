"""The page of a model, at the `url` that the API gives of it."""

import shlex
from collections.abc import Sequence
from dataclasses import replace

import httpx2
import pytest
from tests.http.test_pages import EVIL, ORIGIN, SITE, Reader, Scripted, client
from tests.support.rig import Rig

from darkroom.domain.ids import VersionId
from darkroom.domain.model import FieldType, InputField, Model, OutputKind, Version, Visibility
from darkroom.domain.prediction import Milliseconds
from darkroom.http.headers import PAGE_HEADERS
from darkroom.http.page_model import curl

PROMPT = InputField(name="prompt", type=FieldType.STRING, description="What to say", required=True)
VERSION = Version(
    id=VersionId("0" * 64),
    model="acme/parrot",
    kind="echo-text",
    inputs=[PROMPT, replace(PROMPT, name="seed", type=FieldType.INTEGER, required=False)],
    output=OutputKind.TEXT,
    created_at=Milliseconds(0),
)
PARROT = Model(
    owner="acme",
    name="parrot",
    description="Says it again",
    official=False,
    versions=[VERSION],
    created_at=Milliseconds(0),
    readme="# A parrot\n\n<b>Bold</b>",
)


async def page(models: Sequence[Model], path: str = "/acme/parrot") -> httpx2.Response:
    async with client(Scripted({}), models=models) as browser:
        return await browser.get(path)


async def test_it_tells_what_the_model_is_takes_and_how_to_run_it() -> None:
    answer = await page([PARROT])
    words = Reader(answer.text).words

    assert answer.status_code == 200
    assert {name: answer.headers[name] for name in PAGE_HEADERS} == dict(PAGE_HEADERS)
    for told in ("acme/parrot", "Says it again", "prompt required", "seed", "What to say"):
        assert told in words
    assert "# A parrot\n\n<b>Bold</b>" in words
    assert curl(PARROT, VERSION, SITE) in words


def test_the_request_can_be_pasted_into_a_shell() -> None:
    words = shlex.split(curl(PARROT, VERSION, SITE))

    assert f"{ORIGIN}/v1/models/acme/parrot/predictions" in words
    assert words[-1] == '{"input": {"prompt": "Your text"}}'


async def test_a_model_without_a_version_says_so() -> None:
    words = Reader((await page([replace(PARROT, versions=())])).text).words
    assert "no version yet" in words


@pytest.mark.parametrize("path", ["/acme/nothing", "/acme/%3Cb%3E", "/acme/%00"])
async def test_an_unknown_name_gets_a_page_that_says_so(path: str) -> None:
    answer = await page([PARROT], path)
    assert answer.status_code == 404
    assert "Nothing here" in answer.text
    assert {name: answer.headers[name] for name in PAGE_HEADERS} == dict(PAGE_HEADERS)


async def test_hostile_text_stays_text() -> None:
    field = replace(PROMPT, name=EVIL, description=EVIL)
    evil = replace(
        PARROT, description=EVIL, readme=EVIL, versions=[replace(VERSION, inputs=[field])]
    )
    found = Reader((await page([evil])).text)

    assert len(found.all("script")) == 1
    assert not any("onerror" in attributes for _, attributes in found.elements)


async def test_the_front_page_leads_to_it() -> None:
    found = Reader((await page([PARROT], "/")).text)
    assert {"href": "acme/parrot"} in found.all("a")


async def test_the_url_of_a_model_is_its_page_unless_it_is_private(rig: Rig) -> None:
    shown = (await rig.client.get("/v1/models/darkroom/echo")).json()
    made = {"owner": "admin", "name": "mine", "hardware": "cpu"}
    for visibility in Visibility:
        body = {**made, "name": f"{visibility}-one", "visibility": visibility}
        assert (await rig.client.post("/v1/models", json=body)).status_code == 201
    nobody = {"Authorization": ""}

    async def status(url: str) -> int:
        return (await rig.client.get(url, headers=nobody)).status_code

    assert await status(shown["url"]) == 200
    assert await status(f"{ORIGIN}/admin/public-one") == 200
    assert await status(f"{ORIGIN}/admin/private-one") == 404
    assert (await rig.client.get("/admin/private-one")).status_code == 404
