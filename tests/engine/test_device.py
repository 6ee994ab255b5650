from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from darkroom.engine.device import best_device, compute_alone


@pytest.fixture
def three_threads() -> Iterator[None]:
    """Threads that begin to compute use three helpers, whatever this machine has."""
    with ThreadPoolExecutor(1) as fresh:
        usual = fresh.submit(torch.get_num_threads).result()
        fresh.submit(torch.set_num_threads, 3).result()
        yield
        fresh.submit(torch.set_num_threads, usual).result()


@pytest.mark.usefixtures("three_threads")
def test_a_thread_that_computes_alone_leaves_later_threads_as_they_were() -> None:
    with ThreadPoolExecutor(1) as alone, ThreadPoolExecutor(1) as later:
        alone.submit(compute_alone).result()
        assert alone.submit(torch.get_num_threads).result() == 1
        assert later.submit(torch.get_num_threads).result() == 3


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_the_cpu_computes_in_full_precision() -> None:
    assert best_device().description == "cpu in float32"
