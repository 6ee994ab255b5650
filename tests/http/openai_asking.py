"""Pictures asked for in OpenAI's words, and what its errors look like."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx2
from tests.support.hands import PICTURE
from tests.support.rig import Rig

GENERATIONS = "/v1/images/generations"
EDITS = "/v1/images/edits"
ECHO: Mapping[str, object] = {"model": "darkroom/echo", "image": "data:,x"}
KONTEXT = "flux-kontext-apps/multi-image-kontext-pro"
SD = "stability-ai/stable-diffusion-img2img"
UPLOAD = ("a.png", PICTURE, "image/png")
AS_DATA = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"


@asynccontextmanager
async def asked(
    rig: Rig, path: str = GENERATIONS, **request: object
) -> AsyncGenerator["asyncio.Task[httpx2.Response]"]:
    """A request under way, to be answered inside the block."""
    rig.worker.join({"echo": 8, "diffusers": 8})
    posting = asyncio.create_task(rig.client.post(path, **cast("Any", request)))
    yield posting
    await posting


def error(answer: httpx2.Response) -> tuple[int, str | None, str | None]:
    """Status, param and code of an error, whose form is looked at as well."""
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert told.keys() == {"error"}
    assert told["error"].keys() == {"message", "type", "param", "code"}
    assert told["error"]["message"]
    kind = "server_error" if answer.status_code >= 500 else "invalid_request_error"
    assert told["error"]["type"] == kind
    return answer.status_code, told["error"]["param"], told["error"]["code"]
