"""KEDA's objects: as its documentation describes them, and the query counts what it should."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import cast

import asyncpg
import jsonschema_rs
import pytest
from tests.store.acceptances import HOLDER, acceptance
from tests.store.places import Loop, PostgresPlace, postgres_place
from tests.support.deployment import KUBERNETES, ROOT, at, documents, items, mapping

from darkroom.domain.events import Finished, Report
from darkroom.domain.ids import DEFAULT_POOL
from darkroom.domain.prediction import Outcome
from darkroom.store.predictions import PredictionTables

SCALING = [mapping(one) for one in documents(KUBERNETES / "keda" / "scaling.yaml")]
SCALED, AUTHENTICATION = SCALING
(WORKERS, _) = documents(KUBERNETES / "workers" / "workers.yaml")
QUERY = str(at(SCALED, "spec", "triggers", 0, "metadata", "query"))
POOL = f"'{DEFAULT_POOL}'"
SCHEMA = jsonschema_rs.validator_for(
    json.loads((ROOT / "tests/deploy/keda.schema.json").read_text("utf-8"))
)


@pytest.fixture
def place(postgres_url: str) -> Iterator[PostgresPlace]:
    with closing(Loop()) as loop, postgres_place(loop, postgres_url) as made:
        yield made


def test_each_object_is_as_keda_describes_it() -> None:
    assert [one["kind"] for one in SCALING] == ["ScaledObject", "TriggerAuthentication"]
    assert [list(SCHEMA.iter_errors(one)) for one in SCALING] == [[], []]


def test_a_fault_would_be_told() -> None:
    bad = json.loads(json.dumps(SCALED).replace("targetQueryValue", "targetValue"))

    assert any("targetValue" in error.message for error in SCHEMA.iter_errors(bad))


def test_the_workers_are_what_is_scaled_and_may_all_go() -> None:
    spec = mapping(SCALED, "spec")

    assert at(spec, "scaleTargetRef", "name") == at(WORKERS, "metadata", "name")
    assert at(spec, "triggers", 0, "authenticationRef", "name") == at(
        AUTHENTICATION, "metadata", "name"
    )
    assert spec["minReplicaCount"] == 0
    assert "replicas" not in mapping(WORKERS, "spec")  # each `apply` would set it anew


def test_the_connection_is_given_in_its_parts() -> None:
    given = {str(at(one, "parameter")) for one in items(AUTHENTICATION, "spec", "secretTargetRef")}

    assert given == {"host", "port", "dbName", "userName", "password", "sslmode"}


def test_the_pool_stands_once_in_the_query_and_is_what_the_pods_say() -> None:
    labels = mapping(WORKERS, "spec", "template", "metadata", "labels")

    assert QUERY.split("'")[1::2] == [DEFAULT_POOL]
    assert labels["app.kubernetes.io/instance"] == DEFAULT_POOL


async def test_a_worker_is_wanted_for_each_run_and_for_every_four_that_wait(
    place: PostgresPlace,
) -> None:
    async with place.opened() as database:
        store, hand = PredictionTables(database), place.hand()

        def wanted(pool: str = POOL) -> int:
            row = hand.execute(QUERY.replace(POOL, pool)).fetchone()
            assert row is not None
            return cast("int", row[0])

        counts = [wanted()]
        await store.accept(replace(acceptance("large"), pool="large"))
        counts.append(wanted())
        for number in range(5):
            await store.accept(acceptance(f"waits{number}"))
        counts.append(wanted())
        running = await store.accept(acceptance("runs", holder=HOLDER))
        counts.append(wanted())
        done = Finished(outcome=Outcome.SUCCEEDED)
        await store.report(Report(prediction=running.id, attempt=1, started=True, finished=done))
        counts.append(wanted())
        large = wanted("'large'")

    assert counts == [0, 0, 2, 3, 2]
    assert large == 1


def test_the_account_that_the_page_makes_may_ask_and_see_nothing_else(place: PostgresPlace) -> None:
    page = (ROOT / "docs" / "deploying" / "cluster.md").read_text("utf-8")
    (block,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    hand = place.hand()
    hand.execute("begin")  # an account belongs to all databases of a server: this one never is
    for statement in filter(None, map(str.strip, block.split(";"))):
        hand.execute(statement)
    hand.execute("set local role darkroom_scaler")
    counted = hand.execute(QUERY).fetchall()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        hand.execute("select owner from predictions")
    hand.execute("rollback")

    assert counted == [(0,)]


def test_the_query_reads_no_prediction_that_has_ended(place: PostgresPlace) -> None:
    hand = place.hand()
    hand.execute("set enable_seqscan = off")  # as for a table too large to be read
    plan = "\n".join(str(line) for (line,) in hand.execute(f"explain {QUERY}").fetchall())

    assert "using predictions_ready" in plan  # what waits
    assert "attempts_one_live" in plan  # what runs
    assert "Seq Scan on" not in plan
