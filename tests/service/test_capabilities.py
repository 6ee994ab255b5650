"""Tokens open what they name, and nothing else opens anything."""

from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.ids import PredictionId
from darkroom.service.capabilities import Capabilities, FileRight

ID = PredictionId("06gzkajyg9tskfgcd93sv538vc")
OURS = Capabilities(b"1" * 32)


def test_a_token_opens_what_it_was_made_for() -> None:
    assert OURS.read_file(OURS.file(ID, 3, 7)) == FileRight(prediction=ID, attempt=3, index=7)
    assert OURS.read_stream(OURS.stream(ID)) == ID


def test_a_token_of_one_kind_opens_nothing_of_the_other() -> None:
    assert OURS.read_stream(OURS.file(ID, 1, 0)) is None
    assert OURS.read_file(OURS.stream(ID)) is None


def test_another_servers_token_opens_nothing() -> None:
    assert Capabilities(b"2" * 32).read_file(OURS.file(ID, 1, 0)) is None


@given(st.integers(0, 55), st.sampled_from("0123456789abcdefghjkmnpqrstvwxyzABC!/é"))
def test_a_changed_token_opens_nothing(place: int, letter: str) -> None:
    token = OURS.file(ID, 1, 0)
    changed = token[:place] + letter + token[place + 1 :]

    assert changed == token or OURS.read_file(changed) is None
