"""Two real workers, each with a process of its own for the pictures, and a burst of orders."""

import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from tests.support.pictures import data_url, png
from tests.support.processes import DEADLINE_SECONDS, Server

SD = "stability-ai/stable-diffusion-img2img"
ORDER = {"image": data_url(png()), "num_inference_steps": 20, "prompt_strength": 1.0, "seed": 1}


def until_there(server: Server, workers: int) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        (pool,) = server.client.get("/api/pools").json()["results"]
        if len(pool["workers"]) == workers:
            return
        assert time.monotonic() < deadline, pool
        time.sleep(0.05)


def runs_of_workers(server: Server) -> Counter[str]:
    """How many attempts each worker has had."""
    path = server.folder / "data" / "darkroom.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
        return Counter(worker for (worker,) in connection.execute("select worker from attempts"))


def test_a_burst_of_orders_of_one_model_is_shared_by_both(tmp_path: Path) -> None:
    with Server(tmp_path, workers="2") as server:
        until_there(server, 2)
        made = [server.create(SD, ORDER) for _ in range(8)]
        ends = [server.ended(one) for one in made]

        assert [one["status"] for one in ends] == ["succeeded"] * 8, ends
        assert runs_of_workers(server) == {"local-1": 4, "local-2": 4}
