"""The commands where no server runs: keys work, the rest says what to do."""

import json
import socket

import pytest
from tests.cli.conftest import Shell

from darkroom import __version__


def test_keys_are_made_listed_and_revoked_without_a_server(alone: Shell) -> None:
    made = json.loads(
        alone("keys", "create", "--owner", "alice", "--expires", "30d", "--json").stdout
    )
    assert set(made) == {"id", "key", "owner", "expires_at"}
    listed = alone("keys", "list")
    assert made["id"] in listed.stdout
    assert made["key"] not in listed.stdout
    assert alone("keys", "revoke", made["id"]).returncode == 0
    assert "revoked" in alone("keys", "list").stdout


def test_a_workers_token_is_made_and_listed_with_its_pool(alone: Shell) -> None:
    made = json.loads(
        alone("keys", "create", "--worker", "--pool", "gpu", "--expires", "30d", "--json").stdout
    )
    assert set(made) == {"id", "key", "owner", "expires_at", "pool"}
    assert (made["owner"], made["pool"]) == ("worker", "gpu")
    assert "worker (pool gpu)" in alone("keys", "list").stdout
    (shown,) = json.loads(alone("keys", "list", "--json").stdout)
    assert shown["pool"] == "gpu"

    other = alone("keys", "create", "--worker")
    assert other.stdout.startswith("dkr_")
    assert "for workers of pool default" in other.stderr


def test_the_secret_alone_goes_to_stdout(alone: Shell) -> None:
    made = alone("keys", "create", "--owner", "alice")
    assert made.stdout.startswith("dkr_")
    assert len(made.stdout.split()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("keys", "create", "--owner", "a b"),
        ("keys", "create", "--owner", "alice", "--expires", "soon"),
        ("keys", "create"),
        ("keys", "create", "--owner", "worker"),
        ("keys", "create", "--owner", "alice", "--pool", "gpu"),
        ("keys", "create", "--owner", "alice", "--worker"),
        ("keys", "create", "--worker", "--admin"),
        ("keys", "create", "--worker", "--pool", "GPU"),
        ("worker",),
        ("worker", "--server", "http://127.0.0.1:9"),
        ("worker", "--server", "darkroom.example", "--token", "x"),
        ("worker", "--server", "http://127.0.0.1:9", "--token", "x", "--name", "local-1"),
        ("run", "echo"),
        ("serve", "--weights", "heavy"),
        ("predict",),
    ],
)
def test_a_wrong_word_ends_with_2_and_no_traceback(alone: Shell, words: tuple[str, ...]) -> None:
    done = alone(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DARKROOM_PUBLIC_URL", "example.org"),
        ("DARKROOM_HUB_URL", "nonsense"),
        ("DARKROOM_EGRESS_ALLOW", "http://nas/"),
        ("DARKROOM_OPENAI_MODEL", "echo"),
        ("DARKROOM_MODELS", '{"a/b": {"runner": "nothing"}}'),
    ],
)
def test_a_server_with_a_wrong_setting_says_so_before_anything_else(
    alone: Shell, variable: str, value: str
) -> None:
    done = alone("serve", "--port", "0", **{variable: value})
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DARKROOM_EGRESS_ALLOW", "http://nas/"),
        ("DARKROOM_MODELS", '{"a/b": {"runner": "nothing"}}'),
        ("DARKROOM_OPENAI_MODEL", "owner/name:short"),
    ],
)
def test_the_configuration_is_looked_at_as_a_server_would(
    alone: Shell, variable: str, value: str
) -> None:
    served, shown = (alone(*words, **{variable: value}) for words in (("serve",), ("config",)))
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr == served.stderr


def test_a_server_does_not_start_with_a_model_that_is_not_there(alone: Shell) -> None:
    done = alone("serve", "--port", "0", DARKROOM_OPENAI_MODEL="acme/nothing")
    assert (done.returncode, done.stdout) == (2, "")
    assert "openai_model: there is no acme/nothing here" in done.stderr
    doctor = alone("doctor", DARKROOM_OPENAI_MODEL="acme/nothing")
    assert "warn  openai" in doctor.stdout


def test_a_variable_that_nothing_reads_is_named(alone: Shell) -> None:
    mistyped = {"DARKROOM_RATE_LIMITS": "9", "darkroom_pots": "1", "DARKROOM_URL": "http://[::1]:9"}
    config = alone("config", "--json", **mistyped)
    doctor = alone("doctor", **mistyped)
    assert config.returncode == 0
    assert [line.partition(":")[0] for line in config.stderr.splitlines()] == [
        "DARKROOM_RATE_LIMITS",
        "darkroom_pots",
    ]
    assert "DARKROOM_RATE_LIMITS, darkroom_pots" in doctor.stdout
    assert "warn  variables" in doctor.stdout
    assert "variables" not in alone("doctor").stdout


def test_the_version_is_told(alone: Shell) -> None:
    assert alone("--version").stdout == f"darkroom {__version__}\n"


def test_a_taken_port_is_told_once(alone: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = alone("serve", "--port", port)
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port} (Address already in use). Choose" in done.stderr


def test_a_short_version_is_told_how_long_it_should_be(alone: Shell) -> None:
    done = alone("run", "owner/name:deadbeef")
    assert done.returncode == 2
    assert "a version is 64 hexadecimal digits" in done.stderr


@pytest.mark.parametrize("words", [("models", "list"), ("run", "a/b"), ("predictions", "list")])
def test_without_a_server_the_code_is_3_and_the_line_says_what_to_do(
    alone: Shell, words: tuple[str, ...]
) -> None:
    done = alone(*words)
    assert done.returncode == 3
    assert "darkroom serve" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_server_that_cannot_be_reached_is_named(alone: Shell) -> None:
    done = alone("models", "list", DARKROOM_URL="http://127.0.0.1:9")
    assert done.returncode == 3
    assert "http://127.0.0.1:9" in done.stderr


def test_the_configuration_shows_sources_and_hides_secrets(alone: Shell) -> None:
    (alone.folder / "darkroom.yaml").write_text("port: 9001\n")
    done = alone("config", "--json", DARKROOM_BOOTSTRAP_KEY="a secret of mine, long")
    told = json.loads(done.stdout)
    assert told["port"] == {"value": 9001, "source": "file"}
    assert told["weights"] == {"value": "tiny", "source": "environment"}
    assert told["host"]["source"] == "default"
    assert "a secret of mine" not in done.stdout
    flagged = json.loads(alone("config", "--data-dir", "elsewhere", "--json").stdout)
    assert flagged["data_dir"] == {"value": "elsewhere", "source": "flag"}


def test_the_doctor_fails_when_something_will_not_work(alone: Shell) -> None:
    well = alone("doctor", "--json")
    assert well.returncode == 0
    assert "judged with" not in well.stdout
    assert {"sqlite", "data", "disk", "egress", "server"} <= {
        one["subject"] for one in json.loads(well.stdout)
    }
    (alone.folder / "data").write_text("a file where the directory should be")
    bad = alone("doctor")
    assert bad.returncode == 1
    assert "fail  data" in bad.stdout
    assert "->" in bad.stdout


def test_the_doctor_names_a_wrong_entry_of_the_allow_list(alone: Shell) -> None:
    bad = alone("doctor", DARKROOM_EGRESS_ALLOW="http://nas/")
    assert bad.returncode == 1
    assert "fail  egress" in bad.stdout


def test_no_second_database_is_made_where_another_one_is_in_use(alone: Shell) -> None:
    data = alone.folder / alone.environment["DARKROOM_DATA_DIR"]
    data.mkdir(exist_ok=True)
    (data / "server.id").write_text("abc\n")
    made = alone("keys", "create", "--owner", "alice")

    assert (made.returncode, made.stdout) == (2, "")
    assert "belongs to a server with another database" in made.stderr
    assert "DARKROOM_DATABASE_URL" in made.stderr
    assert not (data / "darkroom.db").exists()
