"""Our HTTP and worker hop alone: a Starlette route, a socket, a null worker process, the answer.

No key check, no database, no files: the ceiling that the real server is measured against.
`python -m bench.hop PORT SOCKET` serves; the worker is a child it starts by itself.
"""

import asyncio
import subprocess
import sys
from itertools import count
from pathlib import Path

import msgspec
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.protocol.link import Link
from darkroom.protocol.messages import Ended, Gave, Job, Told


class Input(msgspec.Struct):
    prompt: str
    image: str


class Envelope(msgspec.Struct):
    input: Input


class Prediction(msgspec.Struct):
    id: str
    status: str
    input: Input
    output: str


class Hop:
    """Server's half: one future a job in flight."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._waiting: dict[str, asyncio.Future[str]] = {}
        self._link: Link[Told] | None = None
        self._envelope = msgspec.json.Decoder(Envelope)
        self._encode = msgspec.json.Encoder().encode

    def accepted(self) -> asyncio.Protocol:
        self._link = Link(Told, received=self._told, closed=lambda: None)
        return self._link

    def _told(self, told: Told) -> None:
        event = told.events[0]
        if isinstance(event, Gave) and event.value is not None:
            self._waiting.pop(told.id).set_result(event.value)

    async def create(self, request: Request) -> Response:
        envelope = self._envelope.decode(await request.body())
        output = await self._run(envelope.input.image)
        prediction = Prediction(
            id=str(next(self._numbers)), status="succeeded", input=envelope.input, output=output
        )
        return Response(self._encode(prediction), 201, media_type="application/json")

    async def _run(self, image: str) -> str:
        key = str(next(self._numbers))
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[key] = answer
        if self._link is None:
            raise ConnectionError("the null worker has not connected")
        self._link.send(Job(id=key, attempt=1, version="null", input=image, files=[]))
        return await answer

    async def healthy(self, request: Request) -> Response:  # noqa: ARG002  # Starlette's signature
        return Response(status_code=200 if self._link is not None else 503)


async def serve(port: int, socket: Path) -> None:
    hop = Hop()
    listener = await asyncio.get_running_loop().create_unix_server(hop.accepted, str(socket))
    command = (sys.executable, "-m", "bench.hop", "worker", str(socket))
    with subprocess.Popen(command) as worker:  # noqa: ASYNC220  # before the first request
        routes = [
            Route("/predictions", hop.create, methods=["POST"]),
            Route("/healthz", hop.healthy),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes), port=port, log_level="error", access_log=False
        )
        await uvicorn.Server(config).serve()
        worker.terminate()
    listener.close()


async def work(socket: Path) -> None:
    """The null worker: the picture that came goes back."""
    over = asyncio.Event()

    def received(job: Job) -> None:
        ended = Ended(outcome="succeeded", error=None, metrics="{}", run_seconds=0.0)
        gave = Gave(index=0, value=job.input)
        link.send(Told(id=job.id, attempt=job.attempt, started=True, events=[gave], ended=ended))

    link: Link[Job] = Link(Job, received=received, closed=over.set)
    await asyncio.get_running_loop().create_unix_connection(lambda: link, str(socket))
    await over.wait()


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        uvloop.run(work(Path(sys.argv[2])))
    else:
        uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
