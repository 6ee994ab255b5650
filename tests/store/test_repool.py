"""What waits can be moved to another pool; what runs or has ended stays where it was."""

from dataclasses import replace

from tests.store.acceptances import ADA, HOLDER, acceptance
from tests.store.box import opened
from tests.store.places import Place

from darkroom.domain.ids import VersionId

V = VersionId("v")


async def test_only_what_waits_for_that_version_is_moved(place: Place) -> None:
    async with opened(place) as box:
        await box.store.accept(acceptance("p1"))
        await box.store.accept(replace(acceptance("p2"), version=VersionId("other")))
        await box.store.accept(acceptance("p3", holder=HOLDER))
        await box.store.accept(acceptance("p4"))
        await box.store.cancel(acceptance("p4").id, ADA)

        assert await box.store.repool(V, "gpu") == 1

        found = box.rows.execute("select id, pool from predictions order by id").fetchall()
        assert found == [("p1", "gpu"), ("p2", "default"), ("p3", "default"), ("p4", "default")]
        assert await box.store.repool(V, "gpu") == 0
