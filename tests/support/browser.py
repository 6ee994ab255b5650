"""A real browser without a window, driven over its debugging protocol.

Source: the Chrome DevTools Protocol, domains Target, Runtime, Log, Network and Page.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import cast

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",  # it does not start as root otherwise; it sees our own pages alone
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
_UNTIL = """new Promise((resolve) => {{
  const look = () => ({expression}) ? resolve() : setTimeout(look, 10);
  look();
}})"""


class _Said(msgspec.Struct, frozen=True):
    """An answer, which has an id, or an event, which has a method."""

    id: int | None = None
    method: str = ""
    params: dict[str, object] = {}
    result: dict[str, object] = {}
    error: object = None


class Page:
    """One tab.

    Attributes:
        faults: what the browser or a script complained of.
        asked: the address of every request, in order.
    """

    def __init__(self, line: ClientConnection) -> None:
        self._line = line
        self._waiting: dict[int, asyncio.Future[_Said]] = {}
        self._session: str | None = None
        self._listening = asyncio.create_task(self._listen())
        self.faults: list[object] = []
        self.asked: list[str] = []

    async def open(self) -> None:
        """Make the tab."""
        made = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=made["targetId"], flatten=True)
        self._session = cast("str", attached["sessionId"])
        for domain in ("Runtime", "Log", "Network", "Page"):
            await self.call(f"{domain}.enable")

    async def go(self, url: str) -> None:
        """Open an address and wait until its scripts have run."""
        await self.call("Page.navigate", url=url)
        await self.until(f"location.href === '{url}' && document.readyState === 'complete'")

    async def until(self, expression: str) -> None:
        """Wait until a JavaScript expression is true."""
        while True:
            with suppress(LookupError):  # the page that was asked went away
                await self.value(_UNTIL.format(expression=expression))
                return

    async def value(self, expression: str) -> object:
        """What a JavaScript expression, or the promise that it gives, comes to."""
        told = await self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in told, told
        return cast("dict[str, object]", told["result"]).get("value")

    async def call(self, method: str, **params: object) -> dict[str, object]:
        """Call a method of the protocol.

        Raises:
            LookupError: the browser refused.
        """
        number = len(self._waiting) + 1
        self._waiting[number] = asyncio.get_running_loop().create_future()
        words = {"id": number, "method": method, "params": params}
        session = {"sessionId": self._session} if self._session else {}
        await self._line.send(msgspec.json.encode({**words, **session}), text=True)
        said = await self._waiting[number]
        if said.error is not None:
            raise LookupError(said.error)
        return said.result

    async def close(self) -> None:
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self) -> None:
        async for text in self._line:
            said = msgspec.json.decode(text, type=_Said)
            if said.id is not None:
                self._waiting[said.id].set_result(said)
            elif said.method in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.faults.append(said.params)
            elif said.method == "Network.requestWillBeSent":
                self.asked.append(str(cast("dict[str, object]", said.params["request"])["url"]))


@asynccontextmanager
async def browsing(folder: Path) -> AsyncGenerator[Page]:
    """A fresh browser with one tab, its profile in *folder*; skips the test if there is none."""
    command = next(filter(None, map(shutil.which, NAMES)), None)
    if command is None:
        pytest.skip("needs a browser: install Chromium, such as with `apt install chromium`")
    process = await asyncio.create_subprocess_exec(
        command,
        *_FLAGS,
        f"--user-data-dir={folder}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    told = b""
    while b"DevTools listening on" not in told:
        told = await process.stderr.readline()
        assert told, "the browser did not start"
    draining = asyncio.create_task(process.stderr.read())
    try:
        async with connect(told.split()[-1].decode(), max_size=None) as line:
            page = Page(line)
            await page.open()
            try:
                yield page
            finally:
                await page.close()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        await draining
