"""Administrators have models loaded, and see where they are."""

import httpx2
from tests.support.rig import Rig

from darkroom.protocol.messages import Beat, Keep

ECHO = "/api/models/darkroom/echo"


def keeps(rig: Rig) -> list[tuple[str, bool, bool]]:
    sent = [one for one in rig.worker.sent if isinstance(one, Keep)]
    return [(one.version.model, one.pinned, one.load) for one in sent]


async def test_a_model_is_warmed_pinned_and_unpinned(rig: Rig) -> None:
    rig.worker.join()
    for verb in ("warm", "pin", "unpin"):
        answer = await rig.client.post(f"{ECHO}/{verb}")
        assert answer.status_code == 200, answer.text
    assert keeps(rig) == [
        ("darkroom/echo", False, True),
        ("darkroom/echo", True, True),
        ("darkroom/echo", False, False),
    ]


async def test_what_is_loaded_where_is_listed(rig: Rig) -> None:
    rig.worker.join()
    pinned = (await rig.client.post(f"{ECHO}/pin")).json()
    assert rig.worker.seat is not None
    rig.dispatcher.beat(rig.worker.seat, Beat([], [pinned["version"]]))
    (listed,) = (await rig.client.get("/api/loaded")).json()["results"]
    assert listed == {
        "model": "darkroom/echo",
        "version": pinned["version"],
        "pool": "default",
        "pinned": "verb",
        "workers": ["hand"],
        "loaded": ["hand"],
        "troubles": {},
    }


async def test_a_worker_that_comes_later_is_told_after_its_welcome(rig: Rig) -> None:
    await rig.client.post(f"{ECHO}/pin")
    await rig.worker.rejoin()
    assert keeps(rig) == []
    rig.worker.came.clear()
    await rig.worker.came.wait()
    assert keeps(rig) == [("darkroom/echo", True, True)]


async def test_a_version_is_named_in_the_query(rig: Rig) -> None:
    rig.worker.join()
    version = (await rig.client.post(f"{ECHO}/warm")).json()["version"]
    assert (await rig.client.post(f"{ECHO}/warm?version={version}")).status_code == 200
    assert (await rig.client.post(f"{ECHO}/warm?version={'0' * 64}")).status_code == 404
    assert (await rig.client.post("/api/models/acme/nothing/warm")).status_code == 404


async def test_other_keys_may_neither_see_nor_do_it(rig: Rig) -> None:
    headers = {"Authorization": f"Bearer {await rig.key_of('alice')}"}

    async def refused(answer: httpx2.Response) -> None:
        assert answer.status_code == 403
        assert answer.json()["title"] == "Not allowed"

    await refused(await rig.client.get("/api/loaded", headers=headers))
    await refused(await rig.client.post(f"{ECHO}/pin", headers=headers))
