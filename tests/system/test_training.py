"""The vendor's client trains a model on a real server, and the server remembers what it made."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.processes import KEY, Server

TRAINS = """
import json, sys
import replicate

ours = replicate.Client(base_url=sys.argv[1], api_token=sys.argv[2])
base = "darkroom/echo-text"
made = ours.models.create("admin", "greeter", visibility="private", hardware="cpu")
version = ours.models.get(base).latest_version
training = ours.trainings.create(
    model=base, version=version, input={"prefix": "Ahoy", "ms": 50}, destination=made
)
while training.status in ("starting", "processing"):
    training.reload()
print(json.dumps({
    "id": training.id,
    "status": training.status,
    "destination": training.destination,
    "output": training.output,
    "said": "".join(ours.run(training.output["version"], input={"prompt": "captain"})),
    "listed": [one.id for one in ours.trainings.list()],
}))
"""
RUNS = """
import json, sys
import replicate

ours = replicate.Client(base_url=sys.argv[1], api_token=sys.argv[2])
print(json.dumps({
    "said": "".join(ours.run("admin/greeter", input={"prompt": "again"})),
    "found": [one.id for one in ours.models.search("greeter")][:1],
    "runs": ours.models.get("admin/greeter").run_count,
}))
"""


def told(program: str, server: Server) -> dict[str, Any]:
    """What a program of the client prints."""
    arguments = [sys.executable, "-c", program, server.url, KEY]
    done = subprocess.run(arguments, capture_output=True, check=False, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.conformance(87)
def test_a_trained_version_runs_also_after_the_server_was_killed(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        first = told(TRAINS, server)
        assert first["status"] == "succeeded"
        assert first["destination"] == "admin/greeter"
        assert server.client.get(first["output"]["weights"]).json() == {"prefix": "Ahoy"}
        assert first["said"] == "Ahoy captain"
        assert first["listed"] == [first["id"]]

        server.kill()
        server.start()
        assert told(RUNS, server) == {
            "said": "Ahoy again",
            "found": ["admin/greeter"],
            "runs": 2,
        }
