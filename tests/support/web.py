"""A real uvicorn in the test's own loop, set up as the server sets it up."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn

from darkroom.compose.server import make_web
from darkroom.http.app import Application


@asynccontextmanager
async def serving(
    app: Application, *, ping_seconds: float = 60.0
) -> AsyncGenerator[tuple[str, uvicorn.Server]]:
    """Yields its address and itself; it has ended afterwards."""
    listener = socket.create_server(("127.0.0.1", 0))
    web = make_web(app, ping_seconds)
    task = asyncio.create_task(web.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", web
    finally:
        web.should_exit = True
        await task
        listener.close()
