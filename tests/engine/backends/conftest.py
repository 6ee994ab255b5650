from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.engine.backends.families import Parts, load

from darkroom.domain.families import Family

Loaded = Callable[[Family, torch.dtype], Parts]


@pytest.fixture
def loaded(tiny: dict[Family, Path]) -> Loaded:
    """Loads the tiny modules of a family; every call gives fresh ones."""
    return lambda family, dtype: load(family, tiny[family], dtype)
