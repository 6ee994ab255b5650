from pathlib import Path

import pytest
from PIL import Image

from darkroom.domain.families import Family
from darkroom.engine.device import compute_alone
from darkroom.engine.tiny import tiny_weights


@pytest.fixture(scope="session", autouse=True)
def _alone() -> None:
    compute_alone()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[Family, Path]:
    """A folder of tiny weights for each family."""
    within = tmp_path_factory.mktemp("tiny")
    return {family: tiny_weights(family, within) for family in Family}


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """A picture of 128 by 96 with soft shapes in all three colours."""
    return Image.merge(
        "RGB", [Image.radial_gradient("L").rotate(turn).resize((128, 96)) for turn in (0, 30, 60)]
    )
