"""Words find models; the more of them and the nearer to the name, the better."""

from darkroom.service.catalogue import load_catalogue
from darkroom.service.search import search

MODELS = load_catalogue({}).models()


def names(query: str) -> list[str]:
    return [hit.model.name for hit in search(MODELS, query)]


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


def test_words_beyond_the_twentieth_and_repeated_ones_do_not_count() -> None:
    many = " ".join(f"zebra{number}" for number in range(20))
    assert names(f"{many} echo") == []
    assert names(f"{'zebra ' * 20}echo")[0] == "echo"


def test_scores_fall_and_lie_within_their_bounds() -> None:
    scores = [hit.score for hit in search(MODELS, "flux kontext dev")]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)
