"""Webhooks of a real server, across its sudden death, and the command that shows them."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from replicate.webhook import Webhooks, WebhookSigningSecret
from tests.support.processes import KEY, Server
from tests.support.receiver import Receiver, receiving

from darkroom.service.gates import FAILURES

pytestmark = pytest.mark.timeout(120)


def run_one(server: Server, receiver: Receiver) -> dict[str, object]:
    answer = server.client.post(
        "/v1/predictions",
        json={
            "version": "darkroom/echo-text",
            "input": {"prompt": "once upon a time"},
            "webhook": receiver.url("/hook?order=17"),
            "webhook_events_filter": ["start", "completed"],
        },
    )
    assert answer.status_code == 201, answer.text
    return server.ended(answer.json())


def command(server: Server, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "darkroom", *words],
        env={**server.environment, "DARKROOM_URL": server.url, "DARKROOM_TOKEN": KEY},
        cwd=server.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.fault(23)
@pytest.mark.conformance(75, 77, 78)
async def test_the_end_is_told_by_the_next_server_if_the_first_one_dies(tmp_path: Path) -> None:
    async with receiving() as receiver:
        with Server(tmp_path, egress_allow=receiver.place) as server:
            receiver.gate = asyncio.Event()
            made = await asyncio.to_thread(run_one, server, receiver)
            await receiver.arrived(1)
            server.kill()
            receiver.gate.set()
            receiver.gate = None
            await asyncio.to_thread(server.start)
            await receiver.arrived(2)
            key = server.client.get("/v1/webhooks/default/secret").json()["key"]
            shown = server.get(made["id"])

    call = receiver.calls[1]
    assert call.target == "/hook?order=17"
    assert call.shown["status"] == "succeeded"
    assert {**call.shown, "urls": None} == {**shown, "urls": None}  # it has another port now
    Webhooks.validate(
        headers=dict(call.headers),
        body=call.body.decode(),
        secret=WebhookSigningSecret(key=key),
        tolerance=60,
    )


async def test_the_command_line_and_the_log_tell_of_a_breaker(tmp_path: Path) -> None:
    async with receiving() as receiver:
        with Server(tmp_path, egress_allow=receiver.place) as server:
            receiver.statuses = [500] * 100
            made = [await asyncio.to_thread(run_one, server, receiver) for _ in range(FAILURES)]
            await receiver.arrived(2 * FAILURES)  # starts and ends
            id_ = str(made[-1]["id"])
            while not server.client.get(f"/api/predictions/{id_}/webhooks").json()["breaker"]:
                await receiver.arrived(2 * FAILURES)  # the last answer is still being judged
            table = await asyncio.to_thread(command, server, "predictions", "webhooks", id_)

    assert "endpoint.shut" in (tmp_path / "server.log").read_text()
    assert re.fullmatch(
        r"waiting: this address has failed \d+ times in a row; next try \d\d:\d\d:\d\d\n",
        table.stderr,
    )


async def test_the_command_line_shows_every_try_and_sends_again(tmp_path: Path) -> None:
    async with receiving() as receiver:
        with Server(tmp_path, egress_allow=receiver.place) as server:
            receiver.statuses = [200, 410]
            made = await asyncio.to_thread(run_one, server, receiver)
            await receiver.arrived(2)
            id_ = str(made["id"])
            again = await asyncio.to_thread(
                command, server, "predictions", "webhooks", id_, "--resend", "--json"
            )
            await receiver.arrived(3)
            table = await asyncio.to_thread(command, server, "predictions", "webhooks", id_)
            nobody = await asyncio.to_thread(command, server, "predictions", "webhooks", "x" * 26)
            untold = str(server.ended(server.create("darkroom/echo-text", {"prompt": "a"}))["id"])
            nothing = await asyncio.to_thread(
                command, server, "predictions", "webhooks", untold, "--resend"
            )

    assert [one["event"] for one in json.loads(again.stdout)["deliveries"]] == [
        "start",
        "completed",
    ]
    lines = table.stdout.splitlines()
    assert lines[0].split() == ["EVENT", "STATE", "TRIED", "STATUS", "SECONDS", "ERROR"]
    assert "410" in lines[2]
    assert nobody.returncode == 1
    assert "no prediction" in nobody.stderr
    assert nothing.returncode == 1
    assert nothing.stderr == "darkroom: This prediction has no webhook of its end.\n"
