from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from darkroom.engine.device import best_device, compute_alone, lacks_memory
from darkroom.engine.settings import BackendChoice, EngineSettings, Precision


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


@pytest.mark.parametrize("dtype", [Precision.BFLOAT16, Precision.FLOAT16])
def test_a_precision_that_is_asked_for_is_taken(dtype: Precision) -> None:
    device = best_device(EngineSettings(dtype=dtype))
    assert device.description.endswith(f" in {dtype}")


def test_openvino_computes_on_the_cpu() -> None:
    chosen = EngineSettings(backend=BackendChoice.OPENVINO)
    assert best_device(chosen).description == "cpu in float32"


def test_a_lack_of_memory_is_known_from_other_faults() -> None:
    with pytest.raises(RuntimeError) as refused:
        torch.empty(2**60, dtype=torch.uint8)
    assert lacks_memory(refused.value)
    assert lacks_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert not lacks_memory(RuntimeError("shapes differ"))


@pytest.mark.gpu
def test_a_card_computes_in_bfloat16_or_if_it_is_old_in_float16() -> None:
    assert best_device().description in ("cuda in bfloat16", "cuda in float16")
