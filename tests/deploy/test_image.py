"""The Dockerfile: linted, nobody's root, and a health check that tells the truth."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.answering import answering
from tests.support.deployment import DOCKERFILE, ROOT, instructions, program, run, words

from darkroom.settings import Settings

IMAGES = ("cpu", "cuda")
DEFAULT_PORT = str(Settings.model_fields["port"].default)


def test_the_linter_has_nothing_to_say() -> None:
    done = run(program("hadolint"), DOCKERFILE)

    assert (done.returncode, done.stdout) == (0, "")


def test_the_linter_tells_of_a_fault(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text(DOCKERFILE.read_text("utf-8").replace("USER 10001:10001", "USER root"))

    assert "DL3002" in run(program("hadolint"), bad).stdout


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_a_user_with_a_number_who_is_not_root(image: str) -> None:
    parents = {one.stage: one.rest.split()[0] for one in instructions() if one.word == "FROM"}
    users = [one.rest for one in instructions() if one.word == "USER"]

    assert parents[image] == "runtime"
    assert users == ["10001:10001"]
    assert "--uid 10001 --gid 10001" in " ".join(
        one.rest for one in instructions() if (one.word, one.stage) == ("RUN", "runtime")
    )


def test_the_smallest_image_is_built_when_none_is_named() -> None:
    assert list(instructions())[-1].stage == "cpu"


def test_an_image_serves_on_the_port_it_exposes() -> None:
    (exposed,) = [one.rest for one in instructions() if one.word == "EXPOSE"]

    assert exposed == DEFAULT_PORT
    assert words("ENTRYPOINT", "runtime") == ["tini", "--", "darkroom"]
    assert words("CMD", "runtime") == ["serve"]


def test_what_is_copied_is_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    copied = {
        name
        for one in instructions()
        if one.word == "COPY" and not one.rest.startswith("--from")
        for name in one.rest.split()[:-1]
    }

    assert ignored[1] == "*"
    assert {f"!{name}" for name in copied} == {line for line in ignored if line.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)


def test_the_cpu_image_takes_torch_in_the_pinned_version() -> None:
    pins = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    (line,) = [one.rest for one in instructions() if "TORCH_INDEX}" in one.rest]

    assert "grep '^torch==' constraints.txt" in line
    assert len([pin for pin in pins if pin.startswith("torch==")]) == 1


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_says_what_the_server_says(status: int, code: int) -> None:
    with answering(status) as asked:
        assert checked(asked.port).returncode == code

    assert list(asked.hosts) == ["/healthz"]


def test_the_health_check_fails_where_nobody_listens() -> None:
    with answering(200) as asked:
        pass

    assert checked(asked.port).returncode == 1


def checked(port: int) -> subprocess.CompletedProcess[bytes]:
    """The check as the image does it, on another port."""
    python, *rest = words("HEALTHCHECK", "runtime")
    assert python == "python"
    environment = {"DARKROOM_PORT": str(port), "http_proxy": "http://127.0.0.1:1"}
    return subprocess.run(
        [sys.executable, *rest], env=environment, stderr=subprocess.DEVNULL, check=False
    )
