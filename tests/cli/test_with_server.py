"""The commands against a real server, as a person would type them."""

import json
import signal
import subprocess
from pathlib import Path

from tests.cli.conftest import Operator, Server, Shell

PICTURE = Path(__file__).parents[2] / "demo" / "woman.webp"
IMAGE = f"image=@{PICTURE}"


def test_a_run_saves_the_picture_and_prints_its_path(darkroom: Shell) -> None:
    done = darkroom("run", "darkroom/echo", "-i", IMAGE)
    assert done.returncode == 0, done.stderr
    (path,) = done.stdout.split()
    assert (darkroom.folder / path).read_bytes() == PICTURE.read_bytes()
    assert "/p/" in done.stderr


def test_a_second_run_overwrites_nothing(darkroom: Shell) -> None:
    for _ in range(2):
        assert darkroom("run", "darkroom/echo", "-i", IMAGE, "-o", "out").returncode == 0
    names = sorted(path.name for path in (darkroom.folder / "out").iterdir())
    assert names == ["output-2.webp", "output.webp"]


def test_with_json_stdout_holds_that_json_alone(darkroom: Shell) -> None:
    done = darkroom("run", "darkroom/echo", "-i", IMAGE, "--json")
    told = json.loads(done.stdout)
    assert told["prediction"]["status"] == "succeeded"
    assert [Path(path).name for path in told["files"]] == ["output.webp"]


def test_text_is_printed_as_it_comes(darkroom: Shell) -> None:
    done = darkroom("run", "darkroom/echo-text", "-i", "prompt=once upon a time")
    assert done.stdout == "once upon a time\n"


def test_a_version_runs_by_its_identifier(darkroom: Shell) -> None:
    models = json.loads(darkroom("models", "list", "--json").stdout)
    version = next(one for one in models if one["name"] == "echo")["latest_version"]["id"]
    assert darkroom("run", f"darkroom/echo:{version}", "-i", IMAGE).returncode == 0


def test_a_failed_prediction_is_told_and_ends_with_5(darkroom: Shell) -> None:
    (darkroom.folder / "words.txt").write_text("no picture")
    done = darkroom("run", "darkroom/echo", "-i", "image=@words.txt")
    assert done.returncode == 5
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("darkroom: ")


def test_a_wrong_input_ends_with_2_and_an_unknown_model_with_1(darkroom: Shell) -> None:
    wrong = darkroom("run", "darkroom/echo", "-i", "picture=x")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "no such input" in wrong.stderr
    missing = darkroom("run", "darkroom/echo", "-i", "ms=1")
    assert missing.returncode == 2
    assert missing.stderr == "darkroom: input: image is required\n"
    unknown = darkroom("run", "acme/nothing")
    assert unknown.returncode == 1
    assert unknown.stderr == (
        "darkroom: there is no model and no deployment of yours 'acme/nothing' here; "
        "see `darkroom models list`\n"
    )


def test_a_model_without_a_version_is_told_as_such(darkroom: Shell, operator: Operator) -> None:
    operator("/models", owner="admin", name="empty", visibility="private", hardware="cpu")
    done = darkroom("run", "admin/empty", "-i", "prompt=a")
    assert done.returncode != 0
    assert done.stderr == "darkroom: admin/empty has no version yet. Train one, then run it.\n"


def test_a_deployment_runs_by_its_name(darkroom: Shell, operator: Operator) -> None:
    models = json.loads(darkroom("models", "list", "--json").stdout)
    version = next(one for one in models if one["name"] == "echo-text")["latest_version"]["id"]
    operator(
        "/deployments",
        name="parrot",
        model="darkroom/echo-text",
        version=version,
        hardware="cpu",
        min_instances=0,
        max_instances=1,
    )
    done = darkroom("run", "admin/parrot", "-i", "prompt=once upon a time")
    assert done.stdout == "once upon a time\n", done.stderr


def test_a_prediction_without_a_webhook_says_so(darkroom: Shell) -> None:
    made = json.loads(darkroom("run", "darkroom/echo-text", "-i", "prompt=a", "--json").stdout)
    id_ = made["prediction"]["id"]
    done = darkroom("predictions", "webhooks", id_)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"no webhook: {id_} was created without one\n"


def test_several_faults_stand_on_lines_of_their_own(darkroom: Shell) -> None:
    done = darkroom("run", "darkroom/echo", "-i", "ms=-1")
    head, *faults = done.stderr.splitlines()
    assert (done.returncode, head) == (2, "darkroom: 2 faults")
    assert sorted(line.split(":")[0] for line in faults) == ["  - input", "  - input.ms"]


def test_what_is_not_there_is_named_with_where_to_look(darkroom: Shell) -> None:
    version = "0" * 64
    done = darkroom("run", f"darkroom/echo:{version}")
    assert f"there is no model 'darkroom/echo' of version {version} here" in done.stderr
    for verb in ("get", "cancel"):
        done = darkroom("predictions", verb, "nothing")
        assert done.returncode == 1
        assert done.stderr == (
            "darkroom: no prediction 'nothing' of this key; see `darkroom predictions list`\n"
        )


def test_control_c_cancels_the_prediction(darkroom: Shell) -> None:
    run = darkroom.start("run", "darkroom/echo", "-i", IMAGE, "-i", "ms=60000")
    name = started(run)
    run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=20)
    assert run.returncode == 130
    assert f"prediction {name} is canceled" in told
    shown = json.loads(darkroom("predictions", "get", name, "--json").stdout)
    assert shown["status"] == "canceled"


def test_a_run_that_somebody_cancels_ends_with_6(darkroom: Shell) -> None:
    run = darkroom.start("run", "darkroom/echo", "-i", IMAGE, "-i", "ms=60000")
    name = started(run)
    canceled = darkroom("predictions", "cancel", name)
    assert "canceled" in canceled.stdout
    run.communicate(timeout=20)
    assert run.returncode == 6


def test_predictions_are_listed_newest_first(darkroom: Shell) -> None:
    made = [
        json.loads(darkroom("run", "darkroom/echo", "-i", IMAGE, "--json").stdout) for _ in range(2)
    ]
    listed = json.loads(darkroom("predictions", "list", "--limit", "2", "--json").stdout)
    assert [one["id"] for one in listed] == [one["prediction"]["id"] for one in reversed(made)]
    table = darkroom("predictions", "list", "--limit", "1").stdout.splitlines()
    assert len(table) == 2


def test_an_empty_list_says_whose_it_is(darkroom: Shell) -> None:
    key = darkroom("keys", "create", "--owner", "nobody-yet").stdout.strip()
    done = darkroom("predictions", "list", "--json", DARKROOM_TOKEN=key)
    assert (done.returncode, json.loads(done.stdout)) == (0, [])
    assert done.stderr == (
        "no predictions of nobody-yet; set DARKROOM_TOKEN to see another owner's\n"
    )


def test_a_wrong_key_need_not_be_set_beside_a_server_of_ones_own(
    darkroom: Shell, server: Server
) -> None:
    near = darkroom("models", "list", DARKROOM_TOKEN="wrong")
    assert near.returncode == 4
    assert "set DARKROOM_TOKEN to a key of this server, or unset it" in near.stderr
    far = darkroom("models", "list", DARKROOM_TOKEN="wrong", DARKROOM_URL=server.url)
    assert far.returncode == 4
    assert "unset" not in far.stderr


def test_a_key_opens_the_server_until_it_is_revoked(darkroom: Shell, server: Server) -> None:
    made = json.loads(darkroom("keys", "create", "--owner", "alice", "--json").stdout)
    target = {"DARKROOM_URL": server.url, "DARKROOM_TOKEN": made["key"]}
    assert darkroom("predictions", "list", **target).returncode == 0
    assert "alice" in darkroom("keys", "list").stdout
    assert darkroom("keys", "revoke", made["id"]).returncode == 0
    refused = darkroom("predictions", "list", **target)
    assert refused.returncode == 4
    assert "DARKROOM_TOKEN" in refused.stderr


def test_the_key_of_the_first_start_works(darkroom: Shell, server: Server) -> None:
    assert "an admin key of owner `admin`" in server.greeting[1]
    key = next(word for line in server.greeting for word in line.split() if word.startswith("dkr_"))
    for url in (server.url, f"{server.url}/v1", f"{server.url}/replicate/v1/"):
        done = darkroom("models", "list", DARKROOM_URL=url, DARKROOM_TOKEN=key)
        assert "darkroom/echo" in done.stdout


def test_the_doctor_finds_the_server(darkroom: Shell, server: Server) -> None:
    found = json.loads(darkroom("doctor", "--json").stdout)
    last = found[-1]
    assert (last["level"], last["subject"]) == ("ok", "server")
    assert server.url in last["line"]
    weights = [one["line"] for one in found if one["subject"] == "weights"]
    assert "judged with this shell's settings" in weights[0]


def test_a_second_server_on_the_same_directory_is_refused(darkroom: Shell) -> None:
    second = darkroom("serve", "--port", "0")
    assert second.returncode == 1
    assert "another darkroom server" in second.stderr


def started(run: "subprocess.Popen[str]") -> str:
    """The id that a run tells as soon as its prediction is accepted."""
    assert run.stderr is not None
    line = run.stderr.readline()
    assert line.startswith("Prediction "), line
    return line.split()[1].rstrip(":")
