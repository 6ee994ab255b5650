"""Figures survive their file, and a document gets those that are held against something."""

from pathlib import Path

import pytest
from bench.__main__ import words_of
from bench.figures import at_most, markdown, plain, ratio_at_least, read_json, write_json

FIGURES = [
    at_most("start", 0.75, "s", 1.5),
    ratio_at_least("echo", 2000.0, "1/s", baseline=1000.0, goal=None),
    ratio_at_least("echo, 64 clients", 900.0, "1/s", baseline=1000.0, goal=2.0),
    plain("memory", 90.0, "MB"),
]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write_json(FIGURES, tmp_path / "deep" / "bench.json")
    assert read_json(tmp_path / "deep" / "bench.json") == FIGURES


def test_a_document_gets_a_row_for_each_figure_with_a_goal_or_a_baseline() -> None:
    assert markdown(FIGURES).splitlines() == [
        "| figure | value | unit | baseline | ratio | goal | met |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| start | 0.75 | s |  |  | 1.5 | yes |",
        "| echo | 2,000 | 1/s | 1,000 | 2 |  |  |",
        "| echo, 64 clients | 900 | 1/s | 1,000 | 0.9 | 2 | NO |",
    ]


def test_a_document_gets_all_figures_if_none_is_held_against_something() -> None:
    assert markdown([plain("memory", 90.0, "MB")]).splitlines()[2:] == [
        "| memory | 90 | MB |  |  |  |  |"
    ]


def test_a_part_of_another_group_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        words_of(["--only", "durability", "--parts", "rows", "start"])
    assert ended.value.code == 2
    assert "start: no part of durability" in capsys.readouterr().err
    assert words_of(["--only", "api", "--parts", "picture"]).parts == ["picture"]
