"""The life of predictions whose webhooks are sent, fail, and are left by whoever had taken them."""

from typing import cast

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from tests.store.life import ENDPOINT, Life

from darkroom.domain.ids import PredictionId
from darkroom.ports.webhooks import Delivery, DeliveryState, Try
from darkroom.store.transitions import delivering, outbox


class ToldLife(Life):
    """Life with somebody who sends what is in the outbox."""

    def __init__(self) -> None:
        super().__init__()
        self.sending: list[Delivery] = []
        self.told_of: dict[PredictionId, list[str]] = {}  # events taken to be sent, in order

    @rule(most=st.integers(1, 3))
    def take(self, most: int) -> None:
        for one in self.commit(delivering.take(ENDPOINT, most)):
            before = self.told_of.setdefault(one.prediction, [])
            assert "completed" not in before or one.event == "completed", "told after the end"
            assert one.event not in before or one.event != "start", "a start was told twice"
            beside = [other for other in self.sending if other.prediction == one.prediction]
            assert not beside, "two are sent at once"
            pending = [kind for kind, state in self.outbox(one.prediction) if state == "waiting"]
            assert "start" not in pending, "something is told before its start"
            if one.event in ("output", "logs"):
                assert self.since_the_last_change(one) >= outbox.APART_MS, "told too soon"
            before.append(one.event)
            self.sending.append(one)

    @rule(data=st.data(), well=st.booleans())
    @precondition(lambda self: self.sending)
    def answer_comes(self, data: st.DataObject, *, well: bool) -> None:
        one = data.draw(st.sampled_from(self.sending))
        self.sending.remove(one)
        again = not well and one.event == "completed"
        state = DeliveryState.PENDING if again else DeliveryState.DELIVERED
        self.commit(delivering.settle(Try(delivery=one, state=state)))

    @rule(ms=st.sampled_from((outbox.APART_MS, delivering.LEASE_MS)))
    def time_passes(self, ms: int) -> None:
        if ms == delivering.LEASE_MS:
            self.sending.clear()  # whoever had them is gone
        self.hand.execute(
            "update deliveries set next_at = next_at - :ms, told_at = told_at - :ms",
            {"ms": ms},
        )

    @invariant()
    def exactly_the_webhooks_asked_for_are_in_the_outbox(self) -> None:
        for id_, wanted in self.accepted.items():
            now, found = self.row(id_), self.outbox(id_)
            kinds = [kind for kind, _ in found]
            assert set(kinds) <= wanted, "a webhook nobody asked for"
            ends = int(now.completed_at is not None and "completed" in wanted)
            assert kinds.count("completed") == ends, "the outbox is wrong"
            starts = int(now.started_at is not None and "start" in wanted)
            assert kinds.count("start") == starts, "a start is missing, or told twice"
            for kind in ("output", "logs"):
                waiting = found.count((kind, "waiting"))
                assert waiting <= (0 if ends else 1), "more waits than can be told"

    def since_the_last_change(self, one: Delivery) -> int:
        """Milliseconds since the receiver answered to the last output or log text."""
        found = self.hand.execute(
            f"select {self.dialect.now} - max(told_at) from deliveries "  # noqa: S608  # our own clock
            "where prediction_id = ? and kind in ('output', 'logs')",
            (one.prediction,),
        ).fetchall()
        ((since,),) = cast("list[tuple[int | None]]", found)
        return outbox.APART_MS if since is None else since

    def outbox(self, id_: PredictionId) -> list[tuple[str, str]]:
        """Kind and standing of every delivery, those not yet taken as `waiting`."""
        found = self.hand.execute(
            "select kind, case when state = 'pending' and taken_at is null then 'waiting' "
            "else state end from deliveries where prediction_id = ? order by n",
            (id_,),
        ).fetchall()
        return cast("list[tuple[str, str]]", found)

    def last_things(self) -> None:
        """Whoever has taken something is gone; all that is left can be sent, the end of each."""
        for _ in range(99):
            self.time_passes(delivering.LEASE_MS)
            taken = self.commit(delivering.take(ENDPOINT, 9))
            for one in taken:
                self.told_of.setdefault(one.prediction, []).append(one.event)
                self.commit(delivering.settle(Try(delivery=one, state=DeliveryState.DELIVERED)))
            if not taken:
                break
        left = self.hand.execute("select * from deliveries where state = 'pending'")
        assert left.fetchall() == [], "a webhook waits for ever"
        for id_, wanted in self.accepted.items():
            ended = "completed" in self.told_of.get(id_, [])
            assert ended == ("completed" in wanted), "an end was not told"
