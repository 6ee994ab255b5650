"""The rig of tests/support as a fixture."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.support import rig as rigs


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncGenerator[rigs.Rig]:
    async with rigs.rig(tmp_path) as made:
        yield made
