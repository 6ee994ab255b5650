"""Server-sent events are read as the standard says, and progress is drawn for a person."""

from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from threading import Thread

import httpx2
import pytest

from darkroom.cli.client import Api
from darkroom.cli.follow import TRIES, Sent, follow, parse
from darkroom.cli.progress import Progress
from darkroom.cli.saving import file_name, links
from darkroom.domain.errors import NoServer

BAR = " 48%|####8     | 12/25 [00:03<00:03,  3.9it/s]\n"


class Screen(StringIO):
    """A terminal that remembers what was drawn."""

    def isatty(self) -> bool:
        return True


def test_events_carry_their_id_and_every_line_of_data() -> None:
    lines = [
        ": hi",
        "event: logs",
        "id: 1:0",
        "data: one",
        "data:",
        "data: two",
        "",
        "event: done",
        "id: 1:1",
        "data: {}",
        "",
    ]
    assert list(parse(iter(lines))) == [
        Sent("1:0", "logs", "one\n\ntwo"),
        Sent("1:1", "done", "{}"),
    ]


def test_an_event_that_is_cut_off_is_not_told() -> None:
    assert list(parse(iter(["event: output", "data: half"]))) == []


def test_a_comment_or_an_empty_event_is_nothing() -> None:
    assert list(parse(iter([": ping", "", "event: logs", ""]))) == []


def test_progress_on_a_terminal_is_one_bar_and_other_lines_stay() -> None:
    screen = Screen()
    progress = Progress(screen)
    progress.take("Using seed: 7\n" + BAR[:9])
    progress.take(BAR[9:])
    progress.close()
    drawn = screen.getvalue()
    assert drawn.startswith("Using seed: 7\n")
    assert "48% 12/25" in drawn
    assert "it/s" not in drawn
    assert drawn.endswith("\n")


def test_progress_elsewhere_is_plain_lines() -> None:
    screen = StringIO()
    progress = Progress(screen)
    progress.take("Using seed: 7\r" + BAR + "the end")
    progress.close()
    assert screen.getvalue() == "Using seed: 7\n" + BAR + "the end\n"


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ("http://h/files/token/out-0.png?x=1", "out-0.png"),
        ("http://h/files/token/..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("http://h/files/token/.bashrc", "bashrc"),
        ("http://h/files/token/a%20b%00.png", "a-b-.png"),
        ("http://h/", "output"),
    ],
)
def test_a_saved_file_gets_a_name_that_cannot_leave_its_folder(link: str, name: str) -> None:
    assert file_name(link) == name


def test_links_are_found_in_one_output_and_in_many() -> None:
    assert links("a") == ["a"]
    assert links(["a", "b", None]) == ["a", "b"]
    assert links(None) == []


def test_a_broken_stream_is_resumed_after_the_last_event() -> None:
    answers = ["event: logs\nid: 1:1\ndata: a\u2028b\n\nevent: logs\nid: 1:2", DONE]
    with streaming(answers) as (api, link, asked):
        seen = list(follow(api, link, pause_seconds=0))
    assert seen == [Sent("1:1", "logs", "a\u2028b"), Sent("1:3", "done", "{}")]
    assert asked == [None, "1:1"]


def test_a_stream_that_never_ends_well_is_given_up() -> None:
    with streaming([""] * TRIES) as (api, link, asked):
        with pytest.raises(NoServer, match="ended before"):
            list(follow(api, link, pause_seconds=0))
        assert len(asked) == TRIES


DONE = "event: done\nid: 1:3\ndata: {}\n\n"


@contextmanager
def streaming(answers: list[str]) -> Generator[tuple[Api, str, list[str | None]]]:
    """A server that gives one answer a connection, and what each asked to resume after."""
    asked: list[str | None] = []
    waiting = iter(answers)

    class Stream(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Last-Event-ID"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(next(waiting).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its parent's
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Stream) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        with httpx2.Client(trust_env=False) as client:
            yield Api(f"{address}/v1", client, None), f"{address}/v1/files/token", asked
        server.shutdown()
