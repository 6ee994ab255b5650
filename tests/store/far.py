"""The life of predictions with a worker that outlives its lines and its servers."""

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from tests.store.acceptances import asking
from tests.store.life import ENDS, VERSION, Attempt, Life, Run, output

from darkroom.domain.events import Finished, LogText, Report
from darkroom.domain.ids import PredictionId, ServerId, WorkerId
from darkroom.domain.prediction import Outcome
from darkroom.ports.predictions import HERE, Holder, Lease, Lost
from darkroom.store.statements import load
from darkroom.store.transitions import adopting, claiming, losing, reporting
from darkroom.store.transitions.recipe import Transition

FAR = Holder(worker=WorkerId("far"), incarnation=1, remote=True)
SERVERS = (ServerId("a"), ServerId("b"))


class FarLife(Life):
    """Life with two servers, and a worker whose line to one of them breaks and stands again."""

    def __init__(self) -> None:
        super().__init__()
        self.texts = {
            server: {**load(replace(self.dialect, server=f"'{server}'")), **self.mutations}
            for server in SERVERS
        }
        self.at: ServerId | None = SERVERS[0]
        self.recorded: list[Report] = []
        self.awaited: dict[ServerId, set[Attempt]] = {server: set() for server in SERVERS}

    @initialize()
    def one_is_waiting(self) -> None:
        """The far worker has it already."""
        self.accept(claimed=False, webhook=True, events=[])
        self.far_worker_claims(most=1, arrives=True)

    def facts(self, id_: PredictionId) -> object:
        told_of = self.hand.execute("select n from deliveries where prediction_id = ?", (id_,))
        return super().facts(id_), told_of.fetchall()

    def commit_at(self, server: ServerId, transition: Transition[object]) -> None:
        self.hand.commit(transition, self.texts[server])

    @rule(most=st.integers(1, 2), arrives=st.booleans())
    @precondition(lambda self: self.at and self.waits())
    def far_worker_claims(self, *, most: int, arrives: bool) -> None:
        assert self.at is not None
        claim = claiming.claim(asking(most, version=VERSION, holder=FAR))
        claimed = self.hand.commit(claim, self.texts[self.at])
        attempts = [(one.prediction.id, one.prediction.attempt) for one in claimed]
        self.grant(attempts)
        self.awaited[self.at].update(attempts)
        if arrives:
            self.far.update({attempt: Run() for attempt in attempts})
        else:
            self.at = None
            for attempt in attempts:
                self.far[attempt] = Run(over=True)  # as its server believes

    @rule(
        data=st.data(),
        outputs=st.integers(0, 1),
        outcome=st.sampled_from([None, None, *ENDS]),
        fate=st.sampled_from(["noted", "recorded", "lost"]),
    )
    @precondition(lambda self: self.at and self.running())
    def far_worker_tells(
        self, data: st.DataObject, *, outputs: int, outcome: Outcome | None, fate: str
    ) -> None:
        """A line may break before a message arrives, or before it is noted."""
        assert self.at is not None
        attempt = data.draw(st.sampled_from(self.running()))
        run = self.far[attempt]
        run.number += 1
        run.over = outcome is not None
        shown = range(run.outputs, run.outputs + outputs)
        run.outputs += outputs
        told = Report(
            prediction=attempt[0],
            attempt=attempt[1],
            started=True,
            events=[LogText(text="far\n"), *(output(attempt, index) for index in shown)],
            finished=Finished(outcome=outcome, error="it broke") if outcome else None,
            number=run.number,
        )
        if fate != "lost":
            self.hear(attempt, told)
        if fate != "noted":
            run.unnoted.append((told, fate == "recorded"))
            self.at = None
        elif run.over:
            del self.far[attempt]

    @rule(data=st.data())
    @precondition(lambda self: self.at and self.recorded)
    def a_message_comes_twice(self, data: st.DataObject) -> None:
        assert self.at is not None
        told = data.draw(st.sampled_from(self.recorded))
        before = self.facts(told.prediction)
        self.commit_at(self.at, reporting.report(told))
        assert self.facts(told.prediction) == before, "what was told twice counts twice"

    @rule()
    @precondition(lambda self: self.at and self.running())
    def line_breaks(self) -> None:
        self.at = None

    @rule()
    @precondition(lambda self: self.at and self.running())
    def far_worker_moves(self) -> None:
        (other,) = set(SERVERS) - {self.at}
        self.far_worker_comes(other)

    @rule(server=st.sampled_from(SERVERS))
    @precondition(lambda self: self.at is None)
    def far_worker_comes(self, server: ServerId) -> None:
        held = {attempt for attempt, run in self.far.items() if run.number or not run.over}
        open_ = {attempt for attempt in self.far if self.with_server(attempt)}
        adopted = self.hand.commit(adopting.adopt(FAR, held), self.texts[server])
        kept = {(one.prediction, one.attempt) for one in adopted.resumed}
        assert kept == held & open_, "a worker does not go on with what is its own"
        orphans = {(one.prediction, one.attempt) for one in adopted.orphans}
        assert orphans == open_ - held, "what nobody holds was not told"
        for one in adopted.orphans:
            self.give_up((one.prediction, one.attempt), server, one.lease, Outcome.RELEASED)
        for attempt in set(self.far) - kept:
            self.forget(attempt)
        self.awaited[server] = set(kept)
        self.at = server
        for attempt in sorted(kept):
            self.tell_again(attempt)

    def tell_again(self, attempt: Attempt) -> None:
        run = self.far[attempt]
        unnoted, run.unnoted = run.unnoted, []
        for told, recorded in unnoted:
            before = self.facts(attempt[0])
            self.hear(attempt, told)
            if recorded:
                assert self.facts(attempt[0]) == before, "what was told twice counts twice"
        if run.over:
            self.forget(attempt)

    @rule(data=st.data(), by=st.sampled_from(SERVERS))
    @precondition(lambda self: self.waiting())
    def its_time_is_over(self, data: st.DataObject, by: ServerId) -> None:
        """A server has waited in vain, or another one has for a server that died."""
        server = data.draw(st.sampled_from(self.waiting()))
        lease = Lease(holder=FAR, server=HERE if by == server else server)
        for attempt in sorted(self.awaited[server]):
            self.give_up(attempt, by, lease, Outcome.LOST, stands=server)
        self.awaited[server].clear()

    def waiting(self) -> list[ServerId]:
        """Servers that miss what the worker holds, rightly or not."""
        return [server for server in SERVERS if server != self.at and self.awaited[server]]

    def give_up(
        self,
        attempt: Attempt,
        by: ServerId,
        lease: Lease,
        outcome: Outcome,
        *,
        stands: ServerId | None = None,
    ) -> None:
        before = self.facts(attempt[0])
        theirs = stands in (None, self.with_server(attempt))
        reason = "its worker did not come back."
        lost = Lost(
            prediction=attempt[0], attempt=attempt[1], outcome=outcome, reason=reason, lease=lease
        )
        self.commit_at(by, losing.lose(lost))
        if not theirs:
            assert self.facts(attempt[0]) == before, "a live attempt was given up"
        elif attempt in self.live:
            self.live.remove(attempt)

    def hear(self, attempt: Attempt, told: Report) -> None:
        """The server at the other end records it."""
        assert self.at is not None
        self.commit_at(self.at, reporting.report(told))
        self.recorded.append(told)
        if told.finished is not None:
            self.awaited[self.at].discard(attempt)
            if attempt in self.live:
                self.live.remove(attempt)

    def forget(self, attempt: Attempt) -> None:
        del self.far[attempt]

    def waits(self) -> bool:
        return any(not (self.row(id_).claimed or self.ended(id_)) for id_ in self.accepted)

    def running(self) -> list[Attempt]:
        return [attempt for attempt, run in self.far.items() if not run.over]

    def with_server(self, attempt: Attempt) -> ServerId | None:
        """The server that an attempt is with; None once it has ended."""
        found = self.hand.execute(
            "select server from attempts"
            " where prediction_id = ? and attempt = ? and ended_at is null",
            attempt,
        ).fetchone()
        return ServerId(str(found[0])) if found else None
