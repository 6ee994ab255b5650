"""Finding models by words."""

from collections.abc import Sequence
from dataclasses import dataclass

from darkroom.domain.model import Model

_WEIGHTS = {"name": 8.0, "owner": 4.0, "description": 2.0, "readme": 1.0}
_WHOLE = 2.0  # a field that is the word and nothing else
_MOST_WORDS = 20  # every one of them is looked for in every model, while nobody else is served


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A model that was found; `score` is above 0 and at most 1."""

    model: Model
    score: float


def search(models: Sequence[Model], query: str) -> Sequence[Hit]:
    """Models that hold a word of *query* in owner, name, description or README; the best first.

    The more of the words the better, then by where they stand. Equals keep the order of *models*;
    a query without words finds all of them. Words beyond the twentieth are ignored, and so is a
    repeated one.
    """
    words = list(dict.fromkeys(query.lower().replace("/", " ").split()))[:_MOST_WORDS]
    if not words:
        return [Hit(model=one, score=1.0) for one in models]
    best = len(words) * _WEIGHTS["name"] * _WHOLE
    hits: list[tuple[int, Hit]] = []
    for one in models:
        told = _fields(one)
        scores = [_score(told, word) for word in words]
        if any(scores):
            hit = Hit(model=one, score=round(sum(scores) / best, 4))
            hits.append((sum(map(bool, scores)), hit))
    hits.sort(key=lambda found: (-found[0], -found[1].score))
    return [hit for _, hit in hits]


def _fields(model: Model) -> dict[str, str]:
    return {
        "name": model.name.lower(),
        "owner": model.owner.lower(),
        "description": model.description.lower(),
        "readme": model.readme.lower(),
    }


def _score(fields: dict[str, str], word: str) -> float:
    """What *word* is worth in the best field that holds it."""
    return max(
        _WEIGHTS[name] * (_WHOLE if text == word else 1.0) if word in text else 0.0
        for name, text in fields.items()
    )
