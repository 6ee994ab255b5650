"""Markup made of elements: strings become text, and URLs that could run are left out."""

import pytest

from darkroom.http.markup import document, element, fragment, safe_url, spoken

PIXEL = "data:image/png;base64,iVBORw0KGgo="


def test_a_string_inside_an_element_is_only_ever_text() -> None:
    made = element("p", "<script>alert(1)</script> & \"more\" 'still'")
    assert made.text == (
        "<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;more&quot; &#x27;still&#x27;</p>"
    )


def test_an_attribute_cannot_be_left_by_its_value() -> None:
    made = element("img", alt='" onerror="alert(1)')
    assert made.text == '<img alt="&quot; onerror=&quot;alert(1)">'


def test_an_element_inside_an_element_stays_an_element() -> None:
    assert element("p", element("b", "<x>"), None).text == "<p><b>&lt;x&gt;</b></p>"


def test_attributes_are_spelled_for_html() -> None:
    made = element("p", class_="a", aria_label="b", hidden=True, title=None, lang=False)
    assert made.text == '<p class="a" aria-label="b" hidden></p>'


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "java\nscript:alert(1)",
        "\x01javascript:alert(1)",
        "vbscript:x",
        "data:text/html,<script>alert(1)</script>",
        "data:image/svg+xml;base64,PHN2Zz4=",
        "blob:http://127.0.0.1/x",
        "file:///etc/passwd",
    ],
)
def test_a_url_that_could_run_is_left_out(url: str) -> None:
    assert element("a", "x", href=url).text == "<a>x</a>"
    assert element("img", src=url).text == "<img>"


@pytest.mark.parametrize("url", ["http://a/b", "HTTPS://a/b?c=d:e", "../p/x", "/docs", "#a", "."])
def test_a_plain_url_stays(url: str) -> None:
    assert safe_url(url, picture=False)


def test_a_data_url_of_a_picture_may_be_shown_but_not_followed() -> None:
    assert element("img", src=PIXEL).text == f'<img src="{PIXEL}">'
    assert element("a", "x", href=PIXEL).text == "<a>x</a>"


def test_words_between_backticks_are_shown_as_code() -> None:
    assert spoken("run `a <b>` now").text == "run <code>a &lt;b&gt;</code> now"


def test_a_page_survives_text_that_no_encoding_has() -> None:
    page = document(title="\ud800", head=fragment([]), body=fragment(["\udfff"]))
    assert b"<title>?</title>" in page
