"""The name a worker from elsewhere goes by."""

import socket
from pathlib import Path

import pytest

from darkroom.compose.remote_worker import kept_name, own_name
from darkroom.domain.errors import InvalidSetting
from darkroom.domain.ids import is_worker


def test_a_name_begins_with_the_machines_and_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "desk 1")
    name = kept_name(tmp_path / "data")
    assert name.startswith("desk-1-")
    assert kept_name(tmp_path / "data") == name


@pytest.mark.parametrize("host", ["local-gpu", "local", "", "é" * 90])
def test_whatever_its_machine_is_called_a_worker_has_a_name_that_servers_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert is_worker(kept_name(tmp_path))


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name in (None, "far"):
        with pytest.raises(InvalidSetting, match=r"data_dir: .*choose another"):
            own_name(tmp_path / "file" / "data", name)
