"""What an operator writes under `owners:` becomes their terms."""

from pathlib import Path

import pytest

from darkroom.compose.turns import make_fairness
from darkroom.domain.errors import InvalidSetting
from darkroom.domain.ids import Owner
from darkroom.service.owners import Terms
from darkroom.settings import Settings, load

WRITTEN = """
queue_limit: 9
running_limit: 4
owners:
  ada: {weight: 2.5, priority: -3, running: 0}
  bob: {queued: 0, running: 1}
  1234: {}
"""


def read(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"DARKROOM_{name.upper()}", raising=False)
    monkeypatch.chdir(folder)
    (folder / "darkroom.yaml").write_text(text, "utf-8")
    return load({})


def test_what_is_left_out_is_as_for_all_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = WRITTEN.replace("  1234: {}\n", "")
    owners = make_fairness(read(tmp_path, written, monkeypatch)).owners

    assert owners.of(Owner("ada")) == Terms(weight=2.5, priority=-3, running=0, queued=9)
    assert owners.of(Owner("bob")) == Terms(running=1, queued=0)
    assert owners.of(Owner("eve")) == Terms(running=4, queued=9)


def test_owners_may_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(tmp_path, "", monkeypatch)
    monkeypatch.setenv("DARKROOM_OWNERS", '{"ada": {"weight": 2}}')

    assert make_fairness(load({})).owners.of(Owner("ada")).weight == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (WRITTEN, "1234"),
        ("owners: {ada: {weight: 0}}", "owners.ada.weight"),
        ("owners: {ada: {weight: .inf}}", "owners.ada.weight"),
        ("owners: {ada: {priority: 11}}", "owners.ada.priority"),
        ("owners: {ada: {priority: 1.5}}", "owners.ada.priority"),
        ("owners: {ada: {running: -1}}", "owners.ada.running"),
        ("owners: {ada: {speed: 1}}", "owners.ada.speed: there is no such setting"),
        ("owners: {ada: fast}", "owners.ada"),
        ("running_limit: -1", "running_limit"),
    ],
)
def test_terms_that_cannot_be_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    with pytest.raises(InvalidSetting, match=words):
        read(tmp_path, text, monkeypatch)
