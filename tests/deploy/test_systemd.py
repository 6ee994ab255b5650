"""The systemd units: verified by systemd where it is, and they fit the server."""

import shutil
from configparser import ConfigParser
from pathlib import Path

import pytest
from tests.support.deployment import LAST_SECONDS, UNITS, run

from darkroom.settings import Settings

PROGRAM = "/opt/darkroom/bin/darkroom"
SYSTEMD = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd is not installed"
)


@SYSTEMD
def test_systemd_has_nothing_to_say(tmp_path: Path) -> None:
    assert verified(tmp_path) == []


@SYSTEMD
def test_systemd_tells_of_a_fault(tmp_path: Path) -> None:
    assert verified(tmp_path, "KillMode=mixed", "KilMode=mixed") != []


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_says_what_it_is_and_stands_by_what_starts_it(path: Path) -> None:
    read = unit(path.name)

    assert read["Unit"]["Description"].strip()
    if path.suffix == ".timer":
        assert path.with_suffix(".service") in UNITS
        assert read["Install"]["WantedBy"] == "timers.target"


@pytest.mark.parametrize(
    ("name", "directory"),
    [
        ("darkroom.service", "darkroom"),
        ("darkroom-backup.service", "darkroom"),
        ("darkroom-worker@.service", "darkroom-worker-%i"),
    ],
)
def test_a_service_runs_under_an_account_of_its_own(name: str, directory: str) -> None:
    service = unit(name)["Service"]

    assert service["User"] == service["Group"] == "darkroom"
    assert service["NoNewPrivileges"] == "yes"
    assert service["StateDirectory"].split()[0] == directory
    assert f"DARKROOM_DATA_DIR=/var/lib/{directory}" in service["Environment"].split()


@pytest.mark.parametrize(
    ("name", "command"), [("darkroom.service", "serve"), ("darkroom-worker@.service", "worker")]
)
def test_a_program_is_stopped_in_order_and_started_again(name: str, command: str) -> None:
    service = unit(name)["Service"]
    drain = float(str(Settings.model_fields["drain_seconds"].default))

    assert service["ExecStart"] == f"{PROGRAM} {command}"
    assert service["KillMode"] == "mixed"  # it ends its own processes; it alone gets SIGTERM
    assert float(service["TimeoutStopSec"]) >= drain + LAST_SECONDS
    assert service["Restart"] == "always"
    assert service["RestartPreventExitStatus"] == "2"


def test_a_worker_is_as_confined_as_the_server() -> None:
    server, worker = (unit(name) for name in ("darkroom.service", "darkroom-worker@.service"))
    limits = [name for name in server["Service"] if name.startswith(("Protect", "Restrict"))]

    assert "ProtectSystem" in limits
    assert {name: worker["Service"][name] for name in limits} == {
        name: server["Service"][name] for name in limits
    }


def test_the_token_of_a_worker_stands_in_a_file_and_not_in_the_unit() -> None:
    service = unit("darkroom-worker@.service")["Service"]

    assert service["EnvironmentFile"] == "/etc/darkroom/worker-%i"  # it must be there: no `-`
    assert "DARKROOM_TOKEN" not in service["Environment"]


class Unit(ConfigParser):
    """A unit's file: names keep their capitals, and a key that is there twice is refused."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def unit(name: str) -> Unit:
    (path,) = [one for one in UNITS if one.name == name]
    read = Unit(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    read.read_string(path.read_text("utf-8"))
    return read


def verified(folder: Path, old: str = "", new: str = "") -> list[str]:
    """What systemd says of the units, with *old* replaced and a program that is here."""
    copies = [folder / path.name for path in UNITS]
    for path, copy in zip(UNITS, copies, strict=True):
        copy.write_text(path.read_text("utf-8").replace(PROGRAM, "/bin/true").replace(old, new))
    told = run("systemd-analyze", "verify", *copies).stdout.splitlines()
    return [line for line in told if "darkroom" in line]
