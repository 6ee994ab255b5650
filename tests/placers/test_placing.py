"""A worker gets the settings of its server through its environment."""

from pathlib import Path

import pytest

from darkroom.compose.placing import worker_environment
from darkroom.settings import load


def test_settings_come_back_as_they_were(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    chosen = load(
        {
            "data_dir": "data",
            "weights": "tiny",
            "egress_allow": "a.example,b.example:8080",
            "hub_token": "hf_secret",
            "fsync_files": True,
            "run_limit_seconds": 12.5,
        }
    )
    environment = worker_environment(chosen, {"PATH": "/bin", "DARKROOM_WEIGHTS": "hub"})
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    again = load({})
    assert again == chosen.model_copy(update={"data_dir": tmp_path / "data"})


def test_what_only_the_server_needs_stays_with_it() -> None:
    chosen = load({"bootstrap_key": "k" * 16, "models": {"me/mine": {"kind": "echo"}}})
    environment = worker_environment(chosen, {"PATH": "/bin", "DARKROOM_BOOTSTRAP_KEY": "k" * 16})
    assert environment["PATH"] == "/bin"
    assert not {"DARKROOM_BOOTSTRAP_KEY", "DARKROOM_MODELS"} & set(environment)
