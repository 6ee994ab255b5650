"""A server that is not a darkroom is refused with a sentence, whatever it answers."""

from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx2
import pytest
from typer.testing import CliRunner

from darkroom.cli.app import app
from darkroom.cli.client import Api
from darkroom.cli.outcome import exit_code
from darkroom.domain.errors import DarkroomError, Refused

PREDICTION = '{"id": "p", "model": "a/b", "status": "starting", "urls": {"get": 1, "cancel": 2}}'
MODEL = '{"latest_version": {"openapi_schema": {"components": [], "Input": 7}}}'


@contextmanager
def answering(body: bytes, status: int = 200, **headers: str) -> Generator[str]:
    """A server that gives this answer to everything; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815  # http.server's spelling

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    "words",
    [
        ("models", "list"),
        ("predictions", "list"),
        ("predictions", "get", "p"),
        ("predictions", "cancel", "p"),
        ("run", "a/b"),
        ("run", "a/b:" + "0" * 64),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(
    "body",
    [
        b"<html>It works!</html>",
        b"",
        b'"\xff"',
        b"[]",
        b"null",
        b'{"results": 7}',
        b'{"results": [7]}',
        b'{"results": [{"name": "b"}]}',
        b'{"latest_version": null}',
        PREDICTION.encode(),
        MODEL.encode(),
    ],
)
def test_an_answer_of_another_kind_names_the_variable(body: bytes, words: tuple[str, ...]) -> None:
    with answering(body) as address:
        done = CliRunner().invoke(app, words, env={"DARKROOM_URL": address})
    assert isinstance(done.exception, Refused), repr(done.exception)
    assert "DARKROOM_URL" in str(done.exception)
    assert exit_code(done.exception) == 1


def test_a_redirection_is_not_taken_for_an_answer() -> None:
    with (
        answering(b"<a>elsewhere</a>", 302, Location="https://example.test/") as address,
        httpx2.Client(trust_env=False) as http,
    ):
        api = Api(f"{address}/v1", http, None)
        for ask in (lambda: api.get("/models"), api.ready):
            with pytest.raises(Refused, match="answered 302"):
                ask()


@pytest.mark.parametrize("prefix", ["", "/replicate"])
def test_administration_lies_beside_the_api_also_behind_a_path(prefix: str) -> None:
    with httpx2.Client(trust_env=False) as http:
        api = Api(f"https://h.test/a{prefix}/v1", http, None)
        assert api.administration("/pools") == "https://h.test/a/api/pools"


def test_a_404_of_another_server_names_the_variable_and_no_model() -> None:
    with answering(b"<h1>Not Found</h1>", 404) as address:
        done = CliRunner().invoke(app, ("run", "a/b"), env={"DARKROOM_URL": address})
    assert "DARKROOM_URL" in str(done.exception)
    assert "no model" not in str(done.exception)


def test_bytes_that_cannot_be_unpacked_are_refused(tmp_path: Path) -> None:
    with answering(b"not packed", Content_Encoding="gzip") as address:
        done = CliRunner().invoke(
            app,
            ("models", "list"),
            env={"DARKROOM_URL": address, "DARKROOM_DATA_DIR": str(tmp_path)},
        )
    assert isinstance(done.exception, DarkroomError)
    assert "DARKROOM_URL" in str(done.exception)
