"""Pools of decoders: one for a test, or one for all tests of a file that ask alike."""

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from darkroom.imaging.pool import DecoderPool, Limits


@pytest.fixture
async def pool() -> AsyncGenerator[DecoderPool]:
    """One warm child at a time and pictures of up to a million pixels."""
    async with DecoderPool(max_pixels=1_000_000, processes=1) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def usual() -> AsyncGenerator[DecoderPool]:
    """A pool as an operator has it, but for the seconds that a bomb may burn.

    The tests that use it run in one loop: `pytest.mark.asyncio(loop_scope="module")`.
    """
    async with DecoderPool(limits=Limits(cpu_seconds=1)) as opened:
        yield opened
