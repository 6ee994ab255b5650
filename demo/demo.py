"""Serve both documented requests, as any client would send them, to a server of our own.

Starts `darkroom serve` with tiny random weights in a temporary data directory and a second
server that offers the three pictures of this folder, sends the requests, saves what comes
back in build/demo, and stays up until Ctrl-C. With ONCE=1 it ends by itself.
"""

import http.server
import json
import os
import re
import secrets
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx2

from darkroom.cli.client import Api, Shown, read_as
from darkroom.cli.follow import follow
from darkroom.cli.progress import Progress
from darkroom.cli.saving import links, save
from darkroom.domain.model import Json

HERE = Path(__file__).parent
SAVED = HERE.parent / "build" / "demo"
LOG = SAVED / "server.log"
START_SECONDS = 60
STOP_SECONDS = 60
ADDRESS = re.compile(rb"darkroom is listening on (http://\S+)")
REQUESTS: Mapping[str, Mapping[str, Json]] = {
    "/predictions": {
        "version": "stability-ai/stable-diffusion-img2img:"
        "15a3689ee13b0d2616e98820eca31d4c3abcd36672df6afce5cb6feb1d66087d",
        "input": {
            "image": "{pictures}/mountains.jpg",
            "prompt": "A fantasy landscape, trending on artstation",
            "scheduler": "DPMSolverMultistep",
            "num_outputs": 1,
            "guidance_scale": 7.5,
            "prompt_strength": 0.8,
            "num_inference_steps": 25,
        },
    },
    "/models/flux-kontext-apps/multi-image-kontext-pro/predictions": {
        "input": {
            "prompt": "Put the woman next to the house",
            "aspect_ratio": "match_input_image",
            "input_image_1": "{pictures}/woman.webp",
            "input_image_2": "{pictures}/house.jpg",
            "output_format": "png",
            "safety_tolerance": 2,
        },
    },
}


def main() -> int:
    """Run the demo; 0 if both predictions succeeded."""
    signal.signal(signal.SIGTERM, end)
    shutil.rmtree(SAVED, ignore_errors=True)
    SAVED.mkdir(parents=True)
    try:
        return show(f"demo-{secrets.token_hex(12)}")
    except KeyboardInterrupt:
        return 130


def show(key: str) -> int:
    """Serve both requests with everything they need; *key* is the server's."""
    with (
        pictures() as offered,
        server(key, offered) as address,
        httpx2.Client(trust_env=False, timeout=60) as client,
    ):
        print(f"darkroom is listening on {address}", flush=True)
        api = Api(f"{address}/replicate/v1", client, key)
        results = [serve_one(api, path, body, offered) for path, body in REQUESTS.items()]
        print(f"\nThe weights are random, so the pictures are noise. They are in {SAVED}")
        if not os.environ.get("ONCE"):
            stay(address, key)
    return 0 if all(results) else 1


def serve_one(api: Api, path: str, body: Mapping[str, Json], offered: str) -> bool:
    """Send one documented request, show its progress and save its pictures."""
    text = json.dumps(body).replace("{pictures}", offered)
    print(f"\nPOST /replicate/v1{path}\n{json.dumps(json.loads(text), indent=2)}")
    made = read_as(Shown, api.post(path, json.loads(text)))
    print(f"-> {made.status}, prediction {made.id}")
    progress = Progress(sys.stdout)
    for sent in follow(api, made.urls.stream or ""):
        if sent.event == "logs":
            progress.take(sent.data)
    progress.close()
    ended = read_as(Shown, api.get(made.urls.get))
    print(f"-> {ended.status}" + (f": {ended.error}" if ended.error else ""))
    saved = save(api, links(ended.output), SAVED)
    for picture in saved:
        print(f"   picture  {picture}")
    print(f"   page     {ended.urls.web}")
    return ended.status == "succeeded" and bool(saved)


def stay(address: str, key: str) -> None:
    """Wait for Ctrl-C."""
    print(f"\nThe server stays up at {address} until Ctrl-C. Try it from another terminal:")
    print(f"  {suggestion(address, key)}")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print("\nStopping.")


def suggestion(address: str, key: str) -> str:
    """A line for any shell in any folder, whose PATH need not know `darkroom`."""
    command = shlex.quote(str(Path(sys.executable).parent / "darkroom"))
    return f"DARKROOM_URL={address} DARKROOM_TOKEN={key} {command} models list"


def end(signum: int, frame: object) -> None:  # noqa: ARG001  # a signal handler's signature
    """Leave as Ctrl-C does, by the way that stops the server."""
    sys.exit(128 + signum)


@contextmanager
def pictures() -> Generator[str]:
    """The address of a small server that offers this folder on loopback."""
    handler = partial(Quiet, directory=str(HERE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as offering:
        threading.Thread(target=offering.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{offering.server_port}"
        offering.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing about it."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its parent's name
        """Say nothing."""


@contextmanager
def server(key: str, offered: str) -> Generator[str]:
    """`darkroom serve` on a free port, in a temporary data directory; stopped in any case.

    Yields its address, which it prints once it listens.
    """
    with tempfile.TemporaryDirectory(prefix="darkroom-demo-") as folder, LOG.open("wb") as log:
        environment = {
            **{name: v for name, v in os.environ.items() if not name.startswith("DARKROOM_")},
            "DARKROOM_DATA_DIR": folder,
            "DARKROOM_PORT": "0",
            "DARKROOM_WEIGHTS": "tiny",
            "DARKROOM_BOOTSTRAP_KEY": key,
            "DARKROOM_EGRESS_ALLOW": offered.removeprefix("http://"),
        }
        # A session of its own: Ctrl-C reaches this process alone, which then stops the server.
        process = subprocess.Popen(
            [sys.executable, "-m", "darkroom", "serve"],
            env=environment,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield told_address(process)
        finally:
            stop(process)
            if process.returncode not in (0, -signal.SIGTERM, 128 + signal.SIGTERM):
                print(f"The server ended with {process.returncode}; its log is {LOG}")


def told_address(process: "subprocess.Popen[bytes]") -> str:
    """Where *process* says it listens; ends the demo if it says nothing of the kind."""
    told = process.stdout
    if told is not None and select.select([told], [], [], START_SECONDS)[0]:
        found = ADDRESS.search(told.readline())
        if found:
            return found[1].decode()
    sys.exit(f"The server did not come up. Its log:\n{LOG.read_text('utf-8')}")


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End the server in good order, or else by force with all it started."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


if __name__ == "__main__":
    sys.exit(main())
