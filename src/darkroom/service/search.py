"""Finding models by words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from darkroom.domain.ids import Owner
from darkroom.domain.model import Model
from darkroom.service.catalogue import Catalogue

_WEIGHTS = {"name": 8.0, "owner": 4.0, "description": 2.0, "readme": 1.0}
_WHOLE = 2.0  # a field that is the word and nothing else
_MOST_WORDS = 16  # every one of them is looked for in every model, while nobody else is served
_README_LENGTH = 4096
_MOST_KEPT = 4096

_Fields: TypeAlias = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A model that was found; `score` is above 0 and at most 1."""

    model: Model
    score: float


class Search:
    """Finds models of a catalogue; what is looked through is made once a state of a model."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._kept: dict[str, tuple[Model, _Fields]] = {}  # by path; the oldest go first

    def find(self, query: str, owner: Owner | None = None) -> Sequence[Hit]:
        """Models with a word of *query* in owner, name, description or README; the best first.

        The more of the words the better, then by where they stand. Equals keep the catalogue's
        order; a query without words finds all. Words beyond the sixteenth are ignored, and so is
        a repeated one; of a README the first 4,096 characters count.

        Args:
            query: words, in any case.
            owner: finds their private models too; None finds public ones.
        """
        models = self._catalogue.models(owner)
        words = list(dict.fromkeys(query.lower().replace("/", " ").split()))[:_MOST_WORDS]
        if not words:
            return [Hit(model=one, score=1.0) for one in models]
        best = len(words) * _WEIGHTS["name"] * _WHOLE
        hits: list[tuple[int, Hit]] = []
        for one in models:
            told = self._fields(one)
            scores = [_score(told, word) for word in words]
            if any(scores):
                hit = Hit(model=one, score=round(sum(scores) / best, 4))
                hits.append((sum(map(bool, scores)), hit))
        hits.sort(key=lambda found: (-found[0], -found[1].score))
        return [hit for _, hit in hits]

    def _fields(self, model: Model) -> _Fields:
        kept = self._kept.get(model.path)
        if kept is not None and kept[0] is model:
            return kept[1]
        if kept is None and len(self._kept) >= _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        fields = _fields(model)
        self._kept[model.path] = (model, fields)
        return fields


def _fields(model: Model) -> _Fields:
    return {
        "name": model.name.lower(),
        "owner": model.owner.lower(),
        "description": model.description.lower(),
        "readme": model.readme[:_README_LENGTH].lower(),
    }


def _score(fields: _Fields, word: str) -> float:
    """What *word* is worth in the best field that holds it."""
    return max(
        _WEIGHTS[name] * (_WHOLE if text == word else 1.0) if word in text else 0.0
        for name, text in fields.items()
    )
