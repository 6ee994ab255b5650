"""The page of a running prediction in a real browser: previews are drawn, and only while seen."""

from pathlib import Path

from tests.http.test_pages import ORIGIN, Reader, page_of, wire
from tests.http.test_previews import heard, show, watched
from tests.support.browser import Page, browsing
from tests.support.rig import Rig
from tests.support.web import serving

PIXELS = (
    "[...document.querySelector('canvas.preview').getContext('2d').getImageData(0, 0, 2, 2).data]"
)
DRAWN = "document.querySelector('canvas.preview')"
HIDE = """Object.defineProperty(document, 'hidden', {value: HIDDEN, configurable: true});
document.dispatchEvent(new Event('visibilitychange'))"""


async def hide(page: Page, *, hidden: bool) -> None:
    await page.value(HIDE.replace("HIDDEN", str(hidden).lower()))


async def test_previews_are_drawn_until_the_output_takes_their_place(
    rig: Rig, tmp_path: Path
) -> None:
    rig.worker.join()
    made = await rig.create()
    job = await rig.worker.job()
    async with serving(rig.app) as (url, _), browsing(tmp_path / "profile") as page:
        await page.go(f"{url}/p/{made['id']}")
        await watched(rig)
        show(rig, job)
        await page.until(DRAWN)
        drawn = await page.value(PIXELS)
        await rig.worker.succeed(job)
        await page.until(f"!{DRAWN} && document.querySelector('main figure img')")

        assert drawn == [0, 1, 2, 255, 3, 4, 5, 255, 6, 7, 8, 255, 9, 10, 11, 255]
        assert page.faults == []
        assert {one.startswith(url) for one in page.asked} == {True}


async def test_a_page_that_is_hidden_does_not_look(rig: Rig, tmp_path: Path) -> None:
    rig.worker.join()
    made = await rig.create()
    await rig.worker.job()
    async with serving(rig.app) as (url, _), browsing(tmp_path / "profile") as page:
        await page.go(f"{url}/p/{made['id']}")
        await heard(rig, [True])
        await hide(page, hidden=True)
        await heard(rig, [True, False])
        await hide(page, hidden=False)
        await heard(rig, [True, False, True])


async def test_the_page_of_what_is_over_asks_for_no_previews(rig: Rig, tmp_path: Path) -> None:
    rig.worker.join()
    made = await rig.create()
    await rig.worker.succeed(await rig.worker.job())
    await rig.settled()
    async with serving(rig.app) as (url, _), browsing(tmp_path / "profile") as page:
        await page.go(f"{url}/p/{made['id']}")

        assert page.asked[0].endswith(f"/p/{made['id']}")
        assert not any("previews" in one for one in page.asked)
        assert page.faults == []


async def test_a_running_prediction_of_text_has_no_previews() -> None:
    stream = {"stream": f"{ORIGIN}/v1/streams/token"}
    page = Reader(await page_of(wire(urls=stream)))
    assert "data-previews" not in page.all("main")[0]
