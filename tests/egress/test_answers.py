"""Redirects judged by themselves, where a server with certificates would be in the way."""

from contextlib import suppress

import httpcore2
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.egress.answers import AnswerUnusable, addressed, onward


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


URLISH = st.one_of(
    st.text(max_size=60),
    st.text("htps:/@[]%0123456789abcdef.\\#?\t ", max_size=60).map("http://".__add__),
    st.from_regex(r"https?://[^/]{0,40}(:[0-9]{0,12})?/.{0,20}", fullmatch=True),
)


@given(URLISH)
def test_a_url_is_either_plain_or_refused_in_words(text: str) -> None:
    with suppress(AnswerUnusable):
        url = addressed(text)
        assert url.scheme in {"http", "https"}
        assert url.raw_host
        assert not url.userinfo


@given(st.binary(max_size=80))
def test_no_location_is_anything_worse_than_unusable(location: bytes) -> None:
    response = httpcore2.Response(302, headers=[(b"Location", location)])
    with suppress(AnswerUnusable):
        onward(httpx2.URL("http://a.test/dir/x"), response)
