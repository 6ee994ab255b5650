"""What counts as a web address, also of strings made to be slow to read."""

import pytest

from darkroom.validation.addresses import is_web_address


@pytest.mark.parametrize(
    "text",
    [
        "http://hooks.test",
        "HTTPS://hooks.test:8443/a/b?c=d#e",
        "https://hooks.test?x",
        "https://hooks.test#x",
        "https://user@hooks.test/ü",
        "https://hooks.test/" + "a" * 65_517,
    ],
)
def test_an_address_with_a_host_is_one(text: str) -> None:
    assert is_web_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://",
        "https:///x",
        "https://?x",
        "https://hooks.test\\x",
        "https://hooks.test/a b",
        "https://hooks test",
        "https://hooks.test/\x7f",
        "https://hooks.test/" + "a" * 65_518,
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert not is_web_address(text)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("length", [65_000, 1_000_000])
def test_a_long_string_that_fails_at_its_end_is_read_once(length: int) -> None:
    # Trying the last character again from every other one would take half a minute each.
    assert not any(is_web_address("http://" + "a" * length + end) for end in " \\\n\x7f")
