"""Words find models; the more of them and the nearer to the name, the better."""

from dataclasses import replace

import pytest

from darkroom.service import search
from darkroom.service.catalogue import load_catalogue
from darkroom.service.search import Search

CATALOGUE = load_catalogue({})
MODELS = CATALOGUE.models()
SEARCH = Search(CATALOGUE)


def names(query: str) -> list[str]:
    return [hit.model.name for hit in SEARCH.find(query)]


def test_a_whole_name_comes_before_a_name_that_contains_it() -> None:
    assert names("echo")[:2] == ["echo", "echo-text"]


def test_an_identifier_finds_its_model_first() -> None:
    for model in MODELS:
        assert names(model.path)[0] == model.name


def test_more_words_found_come_before_better_places() -> None:
    assert names("word echo-text streams")[0] == "echo-text"
    assert names("picture kontext prompt")[0] in {"flux-kontext-dev", "multi-image-kontext-pro"}


def test_case_does_not_matter_and_what_is_not_there_is_not_found() -> None:
    assert names("ECHO-TEXT")[0] == "echo-text"
    assert names("zebra") == []


def test_words_beyond_the_sixteenth_and_repeated_ones_do_not_count() -> None:
    many = " ".join(f"zebra{number}" for number in range(16))
    assert names(f"{many} echo") == []
    assert names(f"{'zebra ' * 16}echo")[0] == "echo"


def test_scores_fall_and_lie_within_their_bounds() -> None:
    scores = [hit.score for hit in SEARCH.find("flux kontext dev")]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)


def test_of_a_readme_the_beginning_is_looked_through() -> None:
    catalogue = load_catalogue({})
    echo = catalogue.model("darkroom", "echo")
    catalogue.put(replace(echo, readme=f"zebra {'x' * 4096} giraffe"))
    found = Search(catalogue)

    assert [hit.model.name for hit in found.find("zebra")] == ["echo"]
    assert found.find("giraffe") == []


def test_a_model_that_has_changed_is_found_by_its_new_words_and_read_once() -> None:
    class Told(str):
        lowered = 0

        def lower(self) -> str:
            Told.lowered += 1
            return super().lower()

    catalogue = load_catalogue({})
    echo = catalogue.model("darkroom", "echo")
    found = Search(catalogue)
    assert found.find("zebra") == []
    catalogue.put(replace(echo, description=Told("A Zebra.")))

    for _ in range(3):
        assert [hit.model.name for hit in found.find("zebra")] == ["echo"]
    assert Told.lowered == 1


def test_no_more_models_are_kept_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_MOST_KEPT", 2)
    found = Search(load_catalogue({}))

    for _ in range(2):
        assert len(found.find("flux kontext")) == 2
    assert len(found._kept) == 2  # pyright: ignore[reportPrivateUsage]  # it shows nowhere else
