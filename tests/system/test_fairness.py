"""Terms of owners on a real server: limits hold, and lines survive a kill."""

import itertools
import json
from datetime import datetime
from pathlib import Path

from tests.faults.clients import PICTURE
from tests.support.processes import Server

ONE_AT_A_TIME = json.dumps({"admin": {"running": 1, "priority": 3}})


def span(shown: dict[str, object]) -> tuple[datetime, datetime]:
    return (
        datetime.fromisoformat(str(shown["started_at"])),
        datetime.fromisoformat(str(shown["completed_at"])),
    )


def test_an_owner_with_a_limit_runs_one_after_the_other_also_after_a_kill(tmp_path: Path) -> None:
    with Server(tmp_path, workers="1", owners=ONE_AT_A_TIME) as server:
        model, input_ = "darkroom/echo", {"image": PICTURE, "ms": 100}
        made = [server.create(model, input_, **{"Darkroom-Priority": "3"}) for _ in range(4)]
        server.ended(made[0])
        server.kill()
        server.start()
        ended = [server.ended(server.get(one["id"])) for one in made]
        refused = server.client.post(
            "/v1/predictions",
            json={"version": model, "input": {**input_, "ms": 0}},  # the others may be adopted
            headers={"Darkroom-Priority": "4"},
        )

    assert [one["status"] for one in ended] == ["succeeded"] * 4
    spans = sorted(map(span, ended))
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
    assert refused.status_code == 422
