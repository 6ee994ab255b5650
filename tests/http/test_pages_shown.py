"""What a page makes of log lines and of strings in inputs and outputs."""

import pytest

from darkroom.domain.progress import Bar
from darkroom.http.shown import Media, data_summary, media_of, progress_of

ORIGIN = "http://127.0.0.1:8000"
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="


@pytest.mark.parametrize(
    ("logs", "progress"),
    [
        ("", None),
        ("Using seed: 1\n", None),
        (" 48%|####8     | 12/25 [00:03<00:03,  3.9it/s]", Bar(48, 12, 25)),
        (" 4%|#  | 1/25\r 8%|##  | 2/25\rsaving\n", Bar(8, 2, 25)),
        ("100%|##########| 25/25\n  0%|          | 0/4\n", Bar(0, 0, 4)),
        ("48 percent | 12/25", None),
        (f" 4%|#  | 1/25\n 8%|##  | 2/{'9' * 5000}", Bar(4, 1, 25)),
    ],
)
def test_progress_is_that_of_the_last_bar(logs: str, progress: Bar | None) -> None:
    assert progress_of(logs) == progress


@pytest.mark.parametrize(
    ("text", "media"),
    [
        (f"{ORIGIN}/files/t/out-0.PNG", Media.PICTURE),
        (f"{ORIGIN}/files/t/a.svg", Media.LINK),
        (f"{ORIGIN}/p/a.png", Media.LINK),
        (f"{ORIGIN}.evil.test/files/t/a.png", Media.LINK),
        ("https://example.com/a.png", Media.LINK),
        (PIXEL, Media.PICTURE),
        ("data:image/svg+xml;base64,AAAA", Media.DATA),
        ("data:,hello", Media.DATA),
        ("DATA:,hello", Media.DATA),
        ("data: nothing follows", Media.TEXT),
        ("https://a\nb", Media.TEXT),
        ("see https://example.com", Media.TEXT),
        ("http://[", Media.LINK),
    ],
)
def test_what_a_string_stands_for(text: str, media: Media) -> None:
    assert media_of(text, origin=ORIGIN) is media


def test_a_data_url_is_described_by_type_and_size() -> None:
    assert data_summary("data:image/png;base64," + "A" * 16384) == "image/png, about 12 kB"
    assert data_summary("data:text/plain;charset=utf-8,a") == "text/plain, about 1 kB"
    assert len(data_summary("data:" + "a" * 10_000 + ",")) < 150


@pytest.mark.timeout(20)
def test_a_long_string_that_only_begins_like_a_data_url_is_read_once() -> None:
    # Looking for its comma again from every character would take minutes.
    assert media_of("data:" + "a" * 1_000_000, origin=ORIGIN) is Media.TEXT
