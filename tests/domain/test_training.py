"""What a training makes of its outputs, and that it says so where they make nothing."""

import json
from dataclasses import replace

import pytest

from darkroom.domain import training
from darkroom.domain.errors import RunFailed
from darkroom.domain.ids import Owner, PredictionId, VersionId
from darkroom.domain.model import OutputKind, Version
from darkroom.domain.prediction import (
    JsonText,
    Milliseconds,
    OutputItem,
    Prediction,
    Shape,
    Status,
)

BASE = Version(
    id=VersionId("b" * 64),
    model="acme/say",
    kind="echo-text",
    inputs=(),
    output=OutputKind.TEXT,
    created_at=Milliseconds(1),
    config={"prefix": "Hello", "suffix": "!"},
)


def trained(*texts: str, id_: str = "t1", destination: str = "ada/greeter") -> Prediction:
    """A training that has succeeded, with these texts for its outputs."""
    return Prediction(
        id=PredictionId(id_),
        owner=Owner("ada"),
        model="acme/say",
        version=VersionId("t" * 64),
        input=JsonText("{}"),
        input_files=(),
        shape=Shape.LIST,
        status=Status.SUCCEEDED,
        attempt=1,
        claimed=False,
        created_at=Milliseconds(2),
        started_at=None,
        completed_at=Milliseconds(3),
        output=[OutputItem(value=JsonText(json.dumps(one))) for one in texts],
        error=None,
        logs="",
        metrics=JsonText("{}"),
        webhook=None,
        webhook_events=(),
        deadline_at=None,
        event_count=0,
        destination=destination,
    )


def test_the_last_text_is_laid_over_the_configuration_of_the_base() -> None:
    made = training.made(BASE, trained("step 1", '{"prefix": "Ahoy", "steps": 3}'))

    assert made.config == {"prefix": "Ahoy", "suffix": "!", "steps": "3"}
    assert (made.model, made.created_at, made.trainer) == ("ada/greeter", 3, None)


def test_what_is_no_text_is_kept_spelled_as_json() -> None:
    told = '{"deep": {"a": [true, null]}, "on": true, "scale": 0.5}'
    made = training.made(BASE, trained(told))

    assert {name: made.config[name] for name in ("deep", "on", "scale")} == {
        "deep": '{"a": [true, null]}',
        "on": "true",
        "scale": "0.5",
    }


def test_the_same_training_makes_the_same_version_and_another_another() -> None:
    several = [
        trained("{}"),
        trained("{}"),
        trained("{}", id_="t2"),
        trained("{}", destination="ada/other"),
        trained('{"prefix": "Ahoy"}'),
    ]
    ids = [training.made(BASE, one).id for one in several]

    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
    assert {len(id_) for id_ in ids} == {64}


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ((), "no configuration as its last text"),
        (("no JSON",), "no configuration as its last text"),
        (("{}", "[]"), "no JSON object"),
        ((f'{{"a": "{"x" * training.LONGEST_CONFIGURATION}"}}',), "longer than"),
    ],
)
def test_outputs_without_a_configuration_make_nothing(texts: tuple[str, ...], words: str) -> None:
    with pytest.raises(RunFailed, match=words):
        training.made(BASE, trained(*texts))


def test_only_a_training_that_has_succeeded_and_kept_its_data_makes_a_version() -> None:
    one = trained("{}")

    assert training.succeeded(one)
    assert not training.succeeded(replace(one, destination=None))
    assert not training.succeeded(replace(one, status=Status.FAILED))
    assert not training.succeeded(replace(one, data_removed_at=Milliseconds(4)))
