"""Redirects judged by themselves, where a server with certificates would be in the way."""

import httpcore2
import httpx2
import pytest

from darkroom.egress.answers import AnswerUnusable, onward


def redirect(location: str, status: int = 302) -> httpcore2.Response:
    return httpcore2.Response(status, headers=[("Location", location)])


def test_https_is_not_left_for_http() -> None:
    with pytest.raises(AnswerUnusable, match="from https to http"):
        onward(httpx2.URL("https://a.test/x"), redirect("http://a.test/x"))


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://b.test/y#z", "https://b.test/y"),
        ("/y", "http://a.test/y"),
        ("y?q=1", "http://a.test/dir/y?q=1"),
        ("//b.test/y", "http://b.test/y"),
    ],
)
def test_a_redirect_leads_where_it_says(location: str, target: str) -> None:
    assert str(onward(httpx2.URL("http://a.test/dir/x"), redirect(location))) == target


def test_an_answer_that_is_no_redirect_leads_nowhere() -> None:
    assert onward(httpx2.URL("http://a.test/"), redirect("/y", status=201)) is None
