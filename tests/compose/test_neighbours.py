"""Servers on one database notice that their files lie in different folders."""

from pathlib import Path

from structlog.testing import capture_logs

from darkroom.compose.neighbours import Neighbours, mark
from darkroom.domain.ids import ServerId

ME, OTHER = ServerId("me"), ServerId("other")


def test_a_server_whose_files_are_elsewhere_is_warned_of_once(tmp_path: Path) -> None:
    mark(tmp_path / "mine", ME)
    mark(tmp_path / "theirs", OTHER)
    neighbours = Neighbours(tmp_path / "mine")
    with capture_logs() as lines:
        neighbours.met(OTHER)
        neighbours.met(OTHER)

    (line,) = lines
    assert (line["event"], line["log_level"], line["server"]) == (
        "files.not_shared",
        "warning",
        OTHER,
    )
    assert "DARKROOM_FILES_URL" in line["remedy"]


def test_a_server_that_shares_the_folder_gives_no_reason_to_warn(tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(tmp_path / "files")
    (tmp_path / "files").mkdir()
    mark(tmp_path / "files", ME)
    mark(tmp_path / "linked", OTHER)
    with capture_logs() as lines:
        Neighbours(tmp_path / "files").met(OTHER)

    assert lines == []
