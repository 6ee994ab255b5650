"""One real server with real worker, hosts and pipelines: requests, failures of parts, ends."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import cast

import httpx2
import pytest
from tests.egress.loopback import Request, reply, serving
from tests.faults.rows import attempts
from tests.support.patience import once_below
from tests.support.pictures import data_url, png
from tests.support.processes import KEY, Server, alive, wait_until_gone

SD = "stability-ai/stable-diffusion-img2img"
SD_VERSION = f"{SD}:15a3689ee13b0d2616e98820eca31d4c3abcd36672df6afce5cb6feb1d66087d"
PICTURE = data_url(png())
LONG_RUN = {"image": PICTURE, "num_inference_steps": 200, "prompt_strength": 1.0, "seed": 1}
HOST = "darkroom.runners.host"
SOON_MS = 2000  # a step and a report; `cancel_grace_seconds` is longer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server"), cancel_grace_seconds="3") as running:
        yield running


def test_img2img_gives_pictures_that_a_seed_reproduces(server: Server) -> None:
    input_ = {"image": PICTURE, "num_inference_steps": 5, "num_outputs": 2, "seed": 7}
    first, second = (server.create(SD_VERSION, input_, Prefer="wait") for _ in range(2))

    assert first["status"] == "succeeded", first
    pictures = [cast("list[str]", one["output"]) for one in (first, second)]
    assert [len(one) for one in pictures] == [2, 2]
    assert pictures[0] == pictures[1]
    assert "Using seed: 7" in str(first["logs"])
    assert cast("dict[str, float]", first["metrics"])["image_count"] == 2


@pytest.mark.parametrize(
    ("model", "input_"),
    [
        (
            "flux-kontext-apps/multi-image-kontext-pro",
            {"prompt": "together", "input_image_1": PICTURE, "input_image_2": PICTURE},
        ),
        (
            "black-forest-labs/flux-kontext-dev",
            {"prompt": "brighter", "input_image": PICTURE, "num_inference_steps": 4},
        ),
    ],
)
def test_the_kontext_family_gives_a_picture(
    server: Server, model: str, input_: dict[str, object]
) -> None:
    answer = server.client.post(f"/replicate/v1/models/{model}/predictions", json={"input": input_})
    shown = server.ended(answer.json())

    assert shown["status"] == "succeeded", shown["error"]
    picture = server.client.get(str(shown["output"]))
    assert picture.headers["content-type"].startswith("image/")


VENDORS_CLIENT = """
import sys
import replicate

client = replicate.Client(base_url=sys.argv[1], api_token=sys.argv[2])
pictures = client.run(sys.argv[3], input={"image": sys.argv[4], "num_inference_steps": 2})
assert [picture.read()[:4] for picture in pictures] == [bytes.fromhex("89504e47")]
assert client.models.get(sys.argv[3].split(":")[0]).latest_version is not None
assert client.predictions.list().results[0].status == "succeeded"
"""


def test_the_vendors_client_runs_unmodified(server: Server) -> None:
    program = [sys.executable, "-c", VENDORS_CLIENT, server.url, KEY, SD_VERSION, PICTURE]
    done = subprocess.run(program, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


@pytest.mark.fault(5)
def test_a_crash_of_the_host_runs_the_prediction_again(server: Server) -> None:
    shown = server.create(SD_VERSION, LONG_RUN)
    server.running(shown)
    os.kill(diffusers_host(server), signal.SIGKILL)
    ended = server.ended(shown)

    assert ended["status"] == "succeeded", ended["error"]
    assert "Attempt 1 was lost" in str(ended["logs"])


def diffusers_host(server: Server) -> int:
    """The host that has torch loaded, by the size of its memory map."""
    return max(
        (pid for pid in server.family() if HOST in Path(f"/proc/{pid}/cmdline").read_text()),
        key=lambda pid: int(Path(f"/proc/{pid}/statm").read_text().split()[0]),
    )


@pytest.mark.fault(6)
def test_a_crash_of_the_worker_runs_the_prediction_again(server: Server) -> None:
    shown = server.create(SD_VERSION, LONG_RUN)
    server.running(shown)
    os.kill(server.process("darkroom worker"), signal.SIGKILL)
    ended = server.ended(shown)

    assert ended["status"] == "succeeded", ended["error"]


@pytest.mark.fault(16)
@pytest.mark.conformance(39)
def test_a_cancel_stops_a_running_picture(server: Server) -> None:
    def stopped_after_ms() -> float:
        shown = server.create(SD_VERSION, LONG_RUN)
        server.running(shown)
        canceled = server.client.post(f"/v1/predictions/{shown['id']}/cancel").json()
        after = server.create(
            SD_VERSION, {"image": PICTURE, "num_inference_steps": 2}, Prefer="wait"
        )
        (attempt,) = attempts(server.folder / "data" / "darkroom.db", shown["id"])

        assert canceled["status"] == "canceled"
        assert after["status"] == "succeeded"
        assert server.get(shown["id"]) == canceled
        assert attempt.outcome == "canceled"
        return cast("int", attempt.ended_at) - milliseconds(canceled["completed_at"])

    assert once_below(SOON_MS, stopped_after_ms)


def milliseconds(at: object) -> float:
    return datetime.fromisoformat(str(at)).timestamp() * 1000


@pytest.mark.fault(18)
def test_a_hanging_host_is_killed_when_canceled_and_replaced(server: Server) -> None:
    shown = server.create(SD_VERSION, LONG_RUN)
    server.running(shown)
    host = diffusers_host(server)
    os.kill(host, signal.SIGSTOP)
    server.client.post(f"/v1/predictions/{shown['id']}/cancel")
    wait_until_gone([host])
    after = server.create(SD_VERSION, {"image": PICTURE, "num_inference_steps": 2}, Prefer="wait")

    assert after["status"] == "succeeded"


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        ("data:image/png;base64,AAAA", "JPEG, PNG, GIF or WebP"),
        (data_url(png()[:200]), "cut short"),
        ("http://127.0.0.1:9/x.png", "port 9 is not spoken to"),
        ("http://127.0.0.1/x.png", "private or reserved"),
        ("http://[::1]/x.png", "private or reserved"),
        ("ftp://example.test/x.png", "neither an http(s) URL nor a data: URL"),
    ],
)
def test_a_bad_picture_fails_the_prediction_with_a_sentence(
    server: Server, image: str, sentence: str
) -> None:
    shown = server.create(SD_VERSION, {"image": image}, Prefer="wait")

    assert shown["status"] == "failed", shown
    assert sentence in str(shown["error"])
    assert str(shown["error"]).startswith("input image: ")


def test_text_streams_word_by_word(server: Server) -> None:
    shown = server.create("darkroom/echo-text", {"prompt": "one two three"})
    words = [line for line in server.follow(shown) if line.startswith("data: ")]

    assert words == ["data: one", "data:  two", "data:  three", "data: {}"]
    assert server.get(shown["id"])["output"] == ["one", " two", " three"]


@pytest.mark.fault(3)
def test_what_was_accepted_survives_a_kill_of_the_server(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        done = server.create("darkroom/echo", {"image": PICTURE}, Prefer="wait=60")
        before = server.get(done["id"])
        shown = server.create(SD_VERSION, LONG_RUN)
        server.running(shown)
        family = server.family()
        server.kill()
        wait_until_gone(family)
        old = server.url
        server.start()
        ended = server.ended(server.get(shown["id"]))

        assert ended["status"] == "succeeded", ended["error"]
        assert "the server was restarted" in str(ended["logs"])
        after = server.get(done["id"])
        assert str(after).replace(server.url, old) == str(before)


@pytest.mark.conformance(36, 72)
@pytest.mark.slow
def test_a_run_that_outlives_its_deadline_is_canceled(server: Server) -> None:
    shown = server.create(
        "darkroom/echo", {"image": PICTURE, "ms": 60_000}, **{"Cancel-After": "5"}
    )
    lines = list(server.follow(shown))
    ended = server.get(shown["id"])

    assert "event: done" in lines
    assert lines[-2] == 'data: {"reason":"canceled"}'
    assert (ended["status"], ended["output"]) == ("canceled", None)
    assert ended["started_at"] is not None


@pytest.mark.fault(8)
@pytest.mark.slow
def test_a_worker_that_hangs_is_replaced_and_its_prediction_run_again(tmp_path: Path) -> None:
    with Server(tmp_path, worker_silence_seconds="2.5") as server:
        shown = server.create(SD_VERSION, LONG_RUN)
        server.running(shown)
        worker = server.process("darkroom worker")
        os.kill(worker, signal.SIGSTOP)
        ended = server.ended(shown)

        assert ended["status"] == "succeeded", ended["error"]
        assert "Attempt 1 was lost" in str(ended["logs"])
        wait_until_gone([worker])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_server_leaves_no_process_and_loses_no_run(
    tmp_path: Path, number: signal.Signals
) -> None:
    with Server(tmp_path, drain_seconds="0.2") as server:
        shown = server.create(SD_VERSION, LONG_RUN)
        server.running(shown)
        family = server.family()
        assert server.stop(number) == 0
        assert not any(map(alive, family))
        server.start()

        assert server.ended(server.get(shown["id"]))["status"] == "succeeded"


def test_a_draining_server_lets_a_run_finish_and_its_client_have_the_answer(
    tmp_path: Path,
) -> None:
    async def scene() -> httpx2.Response:
        fetched = asyncio.Event()

        async def give(_request: Request, writer: asyncio.StreamWriter) -> None:
            reply(writer, png(), content_type="image/png")
            fetched.set()

        async with serving(give) as pictures:
            with Server(tmp_path, egress_allow=pictures.place) as server:
                body = {"version": "darkroom/echo", "input": {"image": pictures.url(), "ms": 1500}}
                creating = asyncio.create_task(
                    asyncio.to_thread(
                        server.client.post, "/v1/predictions", json=body, headers={"Prefer": "wait"}
                    )
                )
                await fetched.wait()
                assert await asyncio.to_thread(server.stop) == 0
                return await creating

    answer = asyncio.run(scene())

    assert answer.json()["status"] == "succeeded"


def test_a_second_server_on_the_same_directory_is_refused(server: Server) -> None:
    second = Server(server.folder)
    with pytest.raises(AssertionError, match="another darkroom server holds"):
        second.start()
