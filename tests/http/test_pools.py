"""Administrators see what the pools of workers have to do."""

from tests.support.rig import Rig


async def test_an_administrator_sees_what_waits_what_runs_and_how_many_are_wanted(
    rig: Rig,
) -> None:
    rig.worker.join({"echo": 1}, name="one")
    for _ in range(4):
        await rig.create()
    await rig.worker.job()

    answer = await rig.client.get("/api/pools")

    (pool,) = answer.json()["results"]
    assert pool == {
        "name": "default",
        "waiting": 3,
        "running": 1,
        "busy": ["one"],
        "needed": 3,
        "wanted": 3,
        "bounds": {
            "min": 0,
            "max": 4,
            "idle_seconds": 300,
            "target_wait_seconds": 2,
            "gpus": 1.0,
            "cpus": 1.0,
            "resources": {},
        },
        "workers": [{"name": "one", "running": 1, "resident": [], "draining": False}],
    }


async def test_pools_are_not_for_other_keys(rig: Rig) -> None:
    key = await rig.key_of("alice")
    answer = await rig.client.get("/api/pools", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 403
    assert answer.json()["title"] == "Not allowed"
