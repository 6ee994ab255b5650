"""A worker gets the settings of its server through its environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.compose.placing import worker_command, worker_environment
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
    secrets = {"bootstrap_key": "k" * 16, "worker_token": "t" * 16}
    chosen = load({**secrets, "models": {"me/mine": {"kind": "echo"}}})
    environment = worker_environment(chosen, {"PATH": "/bin", "DARKROOM_BOOTSTRAP_KEY": "k" * 16})
    assert environment["PATH"] == "/bin"
    hidden = {"DARKROOM_BOOTSTRAP_KEY", "DARKROOM_WORKER_TOKEN", "DARKROOM_MODELS"}
    assert not hidden & set(environment)


def test_a_worker_never_sees_the_credentials_of_a_bucket() -> None:
    given = {"PATH": "/bin", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    bucket = load({"files_url": "s3://bucket/prefix", "files_endpoint": "http://127.0.0.1:9000"})
    told = worker_environment(bucket, given)
    assert not {name for name in told if "AWS" in name or "FILES_" in name}
    assert given.items() <= worker_environment(load({}), given).items()


def test_a_worker_is_told_whose_child_it_is() -> None:
    told = list(worker_command(Path("s"), "local-1"))
    assert told[told.index("--parent") + 1] == str(os.getpid())


def test_a_worker_whose_server_has_died_meanwhile_ends_before_it_begins(tmp_path: Path) -> None:
    data = tmp_path / "data"
    words = ["worker", "--socket", str(tmp_path / "s"), "--name", "w", "--parent", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "darkroom", *words],
        env={"PATH": os.environ["PATH"], "DARKROOM_DATA_DIR": str(data)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "process 1 has ended" in done.stderr + done.stdout
    assert not data.exists()
