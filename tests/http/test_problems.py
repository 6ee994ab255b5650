"""Every error has its answer, and none that nobody foresaw goes by unseen."""

import re
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from darkroom.domain import errors
from darkroom.http.problems import NOT_FOUND, TABLE, from_error

PAGE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text("utf-8")


def documented() -> list[tuple[str, int]]:
    """Names and statuses of the errors that a client is told at once."""
    section = PAGE.partition("## Told to a client at once")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\d{3})\b", section, re.MULTILINE)
    return [(name, int(status)) for name, status in rows if name != "MalformedRequest"]


@pytest.mark.parametrize(("name", "status"), documented())
def test_a_documented_error_has_its_status(name: str, status: int) -> None:
    assert TABLE[getattr(errors, name)][0] == status


def test_every_error_with_a_status_is_documented() -> None:
    assert {one.__name__ for one in TABLE} == {name for name, _ in documented()}
    assert len(documented()) > 5


def test_a_full_disk_is_no_fault_of_the_server() -> None:
    answer = from_error(errors.FilesUnavailable("the file store does not take files"))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert b'"title":"Not available"' in bytes(answer.body)


def test_what_is_not_found_is_told_in_one_sentence_only() -> None:
    answer = from_error(errors.NotFound("There is no model no/such"))

    assert bytes(answer.body) == b'{"detail":"%b","status":404}\n' % NOT_FOUND.encode()


def test_an_error_without_a_status_is_logged() -> None:
    with capture_logs() as logs:
        answer = from_error(errors.SchemaTooNew("newer"))
        from_error(errors.StoreBusy("the disk is full"))

    assert answer.status_code == 500
    assert [(one["event"], one["log_level"]) for one in logs] == [("request.failed", "error")]
