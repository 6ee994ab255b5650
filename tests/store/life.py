"""The life of predictions as a hypothesis state machine over the real transitions.

Workers claim, start, tell, finish, crash, fall silent and come back as zombies; clients accept
and cancel; answers get lost. After every step the database must keep each promise of
docs/state-machine.md, and at the end, when the faults stop, everything must end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.store.acceptances import asking
from tests.store.places import Hand, migrated

from darkroom.domain.events import EventKind, Finished, LogText, Published, Report
from darkroom.domain.ids import Owner, PredictionId, VersionId, WorkerId
from darkroom.domain.prediction import (
    MAX_ATTEMPTS,
    NEXT,
    JsonText,
    Outcome,
    Shape,
    Status,
    StoredFile,
)
from darkroom.ports.predictions import Acceptance, Holder, Lost
from darkroom.ports.webhooks import WebhookEvent
from darkroom.store.statements import SQLITE, Dialect, load
from darkroom.store.transitions import (
    accepting,
    claiming,
    ending,
    losing,
    reading,
    removing,
    reporting,
)
from darkroom.store.transitions.recipe import Transition

T = TypeVar("T")
Attempt = tuple[PredictionId, int]
VERSION = VersionId("v" * 64)
ENDS = (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELED)
FILTERS = st.sets(st.sampled_from(WebhookEvent)).map(sorted)  # none of them means all
ENDPOINT = "https://hooks.test/x"
LOSSES = (Outcome.LOST, Outcome.CRASHED, Outcome.RELEASED)


class Facts(NamedTuple):
    """What of a prediction the promises are about."""

    status: str
    attempt: int
    claimed: int
    losses: int
    events: int
    outputs: int
    completed_at: int | None
    started_at: int | None
    error: str | None


@dataclass
class Run:
    """What a remote worker holds of one attempt: what it told, and whether that was recorded."""

    number: int = 0
    outputs: int = 0
    over: bool = False
    unnoted: list[tuple[Report, bool]] = field(default_factory=list[tuple[Report, bool]])


class Life(RuleBasedStateMachine):
    """Every prediction, every attempt ever granted, and what each promise says of them."""

    mutations: Mapping[str, str] = {}
    dialect: Dialect = SQLITE

    def __init__(self) -> None:
        super().__init__()
        self.statements = {**load(self.dialect), **self.mutations}
        self.hand = self.new_hand()
        self.accepted: dict[PredictionId, frozenset[str]] = {}  # the webhooks asked for
        self.granted: list[Attempt] = []
        self.live: list[Attempt] = []  # as the workers believe
        self.far: dict[Attempt, Run] = {}  # held by a worker that outlives its servers
        self.seen: dict[PredictionId, Facts] = {}
        self.told: dict[Attempt, int] = {}
        self.removed: set[PredictionId] = set()

    # ── what drives it ──

    @classmethod
    def new_hand(cls) -> Hand:
        """A database with nothing in it."""
        return migrated(":memory:")

    def commit(self, transition: Transition[T]) -> T:
        return self.hand.commit(transition, self.statements)

    def row(self, id_: PredictionId) -> Facts:
        found = self.hand.execute(
            "select status, attempt, claimed, losses, event_count, output_count, completed_at, "
            "started_at, error from predictions where id = ?",
            (id_,),
        ).fetchone()
        assert found is not None, "an accepted prediction disappeared"
        return Facts(*cast("Facts", found))

    def ended(self, id_: PredictionId) -> bool:
        return self.row(id_).completed_at is not None

    @initialize()
    def one_is_waiting(self) -> None:
        self.accept(claimed=False, webhook=True, events=[])

    @rule(claimed=st.booleans(), webhook=st.booleans(), events=FILTERS)
    @precondition(lambda self: len(self.accepted) < 6)
    def accept(self, *, claimed: bool, webhook: bool, events: Sequence[WebhookEvent]) -> None:
        id_ = PredictionId(f"p{len(self.accepted):03}")
        holder = Holder(worker=WorkerId("w"), incarnation=1) if claimed else None
        self.commit(
            accepting.accept(
                Acceptance(
                    id=id_,
                    owner=Owner("ada"),
                    model="m/n",
                    version=VERSION,
                    shape=Shape.LIST,
                    input=JsonText("{}"),
                    webhook=f"{ENDPOINT}?id={id_}" if webhook else None,
                    webhook_events=events,
                    holder=holder,
                )
            )
        )
        self.accepted[id_] = frozenset(events or WebhookEvent) if webhook else frozenset()
        if claimed:
            self.grant([(id_, 1)])

    @property
    def near(self) -> list[Attempt]:
        """What workers hold that end with their server."""
        return [attempt for attempt in self.live if attempt not in self.far]

    def grant(self, attempts: Sequence[Attempt]) -> None:
        self.granted += attempts
        self.live += attempts
        self.told.update(dict.fromkeys(attempts, 0))

    @rule(most=st.integers(1, 3), answer_lost=st.booleans())
    def claim(self, *, most: int, answer_lost: bool) -> None:
        holder = Holder(worker=WorkerId("w"), incarnation=2)
        claimed = self.commit(claiming.claim(asking(most, version=VERSION, holder=holder)))
        attempts = [(one.prediction.id, one.prediction.attempt) for one in claimed]
        assert len(set(attempts) & set(self.granted)) == 0, "an attempt was granted twice"
        self.grant(attempts)
        if answer_lost:
            for attempt in attempts:
                self.lose(attempt, Outcome.RELEASED)

    # ── what workers that hold an attempt do ──

    @rule(data=st.data(), outputs=st.integers(0, 2), log=st.booleans(), started=st.booleans())
    @precondition(lambda self: self.near)
    def tell(self, data: st.DataObject, *, outputs: int, log: bool, started: bool) -> None:
        self.report(data.draw(st.sampled_from(self.near)), outputs, log=log, started=started)

    @rule(data=st.data(), outcome=st.sampled_from(ENDS), outputs=st.integers(0, 2))
    @precondition(lambda self: self.near)
    def finish(self, data: st.DataObject, outcome: Outcome, outputs: int) -> None:
        attempt = data.draw(st.sampled_from(self.near))
        before = self.row(attempt[0])
        self.report(attempt, outputs, outcome=outcome, started=True)
        self.live.remove(attempt)
        if before.completed_at is None:
            assert self.row(attempt[0]).status == reporting.ENDINGS[outcome]

    @rule(data=st.data(), outcome=st.sampled_from(LOSSES))
    @precondition(lambda self: self.near)
    def worker_dies(self, data: st.DataObject, outcome: Outcome) -> None:
        self.lose(data.draw(st.sampled_from(self.near)), outcome)

    # ── what clients do ──

    @rule(data=st.data())
    @precondition(lambda self: any(not self.ended(id_) for id_ in self.accepted))
    def cancel(self, data: st.DataObject) -> None:
        open_ = [id_ for id_ in self.accepted if not self.ended(id_)]
        id_ = data.draw(st.sampled_from(open_))
        canceled = self.commit(ending.cancel(id_, Owner("ada")))
        assert canceled is not None
        assert canceled.status is Status.CANCELED

    @rule(data=st.data())
    def cancel_again_or_by_a_stranger(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(list(self.accepted)))
        before = self.row(id_)
        assert self.commit(ending.cancel(id_, Owner("eve"))) is None
        if before.completed_at is not None:
            assert self.commit(ending.cancel(id_, Owner("ada"))) is not None
        assert self.row(id_) == before

    @rule(data=st.data())
    @precondition(lambda self: any(not self.ended(id_) for id_ in self.accepted))
    def deadline_passes(self, data: st.DataObject) -> None:
        open_ = [id_ for id_ in self.accepted if not self.ended(id_)]
        id_ = data.draw(st.sampled_from(open_))
        ran = self.row(id_).started_at is not None
        self.hand.execute("update predictions set deadline_at = 1 where id = ?", (id_,))
        (ended,) = self.commit(ending.expire(9))
        assert (ended.id, ended.status) == (id_, Status.CANCELED if ran else Status.ABORTED)

    # ── what time does ──

    @rule(data=st.data())
    def data_is_removed(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(list(self.accepted)))
        before = self.row(id_)
        ((open_,),) = self.hand.execute(
            "select count(*) from attempts where prediction_id = ? and ended_at is null", (id_,)
        ).fetchall()
        may = self.ended(id_) and not open_ and id_ not in self.removed
        done = self.commit(removing.remove(id_))
        assert done <= may, "data of a live attempt is removed"
        assert done == may, "data stays for ever"
        assert self.row(id_) == before, "more than data is removed"
        if done:
            self.removed.add(id_)

    # ── what the dead do: zombies and answers sent twice ──

    @rule(data=st.data(), outcome=st.sampled_from([*ENDS, None]), outputs=st.integers(0, 2))
    @precondition(lambda self: self.superseded())
    def zombie_reports(self, data: st.DataObject, outcome: Outcome | None, outputs: int) -> None:
        attempt = data.draw(st.sampled_from(self.superseded()))
        before = self.facts(attempt[0])
        self.report(attempt, outputs, outcome=outcome, log=True, started=True)
        assert self.facts(attempt[0]) == before, "a superseded attempt changed something"
        if outcome and attempt in self.live:
            self.live.remove(attempt)

    @rule(data=st.data(), outcome=st.sampled_from(LOSSES))
    @precondition(lambda self: self.superseded())
    def zombie_is_given_up_again(self, data: st.DataObject, outcome: Outcome) -> None:
        attempt = data.draw(st.sampled_from(self.superseded()))
        before = self.facts(attempt[0])
        self.lose(attempt, outcome)
        assert self.facts(attempt[0]) == before, "giving up a superseded attempt changed something"

    def superseded(self) -> list[Attempt]:
        """Attempts whose word must not count any more."""
        return [
            (id_, attempt)
            for id_, attempt in self.granted
            if (id_, attempt) not in self.live or self.ended(id_)
        ]

    # ── the verbs ──

    def report(
        self,
        attempt: Attempt,
        outputs: int,
        *,
        outcome: Outcome | None = None,
        log: bool = False,
        started: bool = False,
    ) -> None:
        first = self.told.get(attempt, 0)
        events: list[LogText | Published] = [LogText(text="line\n")] if log else []
        events += [output(attempt, index) for index in range(first, first + outputs)]
        self.told[attempt] = first + outputs
        finished = Finished(outcome=outcome, error="it broke") if outcome else None
        self.commit(
            reporting.report(
                Report(
                    prediction=attempt[0],
                    attempt=attempt[1],
                    started=started,
                    events=events,
                    finished=finished,
                )
            )
        )

    def lose(self, attempt: Attempt, outcome: Outcome) -> None:
        lost = Lost(prediction=attempt[0], attempt=attempt[1], outcome=outcome, reason="gone.")
        self.commit(losing.lose(lost))
        if attempt in self.live:
            self.live.remove(attempt)

    # ── the promises ──

    def facts(self, id_: PredictionId) -> object:
        return (
            self.row(id_),
            self.commit(reading.events(id_, 0)),
            self.hand.execute(
                "select attempt, place, value, store_key from items where prediction_id = ? "
                "order by attempt, place",
                (id_,),
            ).fetchall(),
        )

    @invariant()
    def nothing_accepted_disappears_and_status_never_goes_back(self) -> None:
        for id_ in self.accepted:
            now, before = self.row(id_), self.seen.get(id_)
            if before is not None and before.completed_at is not None:
                assert now == before, "a terminal prediction changed"
            elif before is not None:
                legal = NEXT[Status(before.status)] | {Status(before.status)}
                assert Status(now.status) in legal, "the status went back"
                assert now.attempt >= before.attempt, "the attempt number went back"
                assert now.outputs >= before.outputs, "the output shrank"
                assert before.started_at in (None, now.started_at), "started_at moved"
            assert now.losses < MAX_ATTEMPTS or now.status == Status.FAILED
            self.seen[id_] = now

    @invariant()
    def a_claimed_prediction_has_exactly_its_own_live_attempt(self) -> None:
        for id_ in self.accepted:
            now = self.row(id_)
            live = self.hand.execute(
                "select attempt from attempts where prediction_id = ? and ended_at is null", (id_,)
            ).fetchall()
            if now.completed_at is None:
                assert live == ([(now.attempt,)] if now.claimed else []), (
                    "claims and attempts disagree"
                )

    @invariant()
    def removed_data_stays_removed(self) -> None:
        for id_ in self.removed:
            found = self.commit(reading.one(id_))
            assert found is not None
            assert found.data_removed_at is not None
            left = found.output, found.logs, found.input, found.input_files
            assert left == ([], "", "{}", ()), "data came back"

    @invariant()
    def events_count_without_gap_and_end_with_one_done(self) -> None:
        for id_ in self.accepted.keys() - self.removed:
            told = self.commit(reading.events(id_, 0))
            count = self.row(id_).events
            assert [one.n for one in told] == list(range(1, count + 1)), "a gap in events"
            done = [one.n for one in told if one.kind is EventKind.DONE]
            assert done == ([count] if self.ended(id_) else []), "done is not the one last event"

    @invariant()
    def an_output_is_streamed_once_and_every_shown_item_belongs_to_an_attempt(self) -> None:
        for id_ in self.accepted.keys() - self.removed:
            told = self.commit(reading.events(id_, 0))
            streamed = sum(one.kind is EventKind.OUTPUT for one in told)
            found = self.hand.execute(
                "select count(distinct place) from items where prediction_id = ? and attempt > 0",
                (id_,),
            ).fetchall()
            ((shown,),) = found
            assert streamed == shown == self.row(id_).outputs, "streamed and shown outputs differ"

    def teardown(self) -> None:
        """The faults stop: give up what is held, claim what waits, finish it; all must end."""
        for attempt in list(self.live):
            self.lose(attempt, Outcome.LOST)
        holder = Holder(worker=WorkerId("w"), incarnation=9)
        for one in self.commit(claiming.claim(asking(100, version=VERSION, holder=holder))):
            self.report(
                (one.prediction.id, one.prediction.attempt),
                1,
                outcome=Outcome.SUCCEEDED,
                started=True,
            )
        assert all(self.ended(id_) for id_ in self.accepted), "something never ends"
        self.last_things()
        self.hand.close()

    def last_things(self) -> None:
        """What else must come true once everything has ended."""


def output(attempt: Attempt, index: int) -> Published:
    id_, number = attempt
    return Published(
        index=index,
        file=StoredFile(
            prediction=id_,
            attempt=number,
            index=index,
            key=f"predictions/{id_}/{number}/{index}",
            name="out.png",
            content_type="image/png",
            size_bytes=1,
            sha256="0" * 64,
        ),
    )
