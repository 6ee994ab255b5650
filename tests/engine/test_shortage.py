"""A lack of memory is told as such, whoever notices it."""

import pytest
import torch

from darkroom.engine.interface import NoRoom
from darkroom.engine.shortage import shortage


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        MemoryError("std::bad_alloc"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    ],
    ids=str,
)
def test_every_way_to_put_it_is_understood(error: Exception) -> None:
    with pytest.raises(NoRoom, match=str(error).split()[0]), shortage():
        raise error


def test_other_faults_are_left_as_they_are() -> None:
    with pytest.raises(RuntimeError, match="shapes"), shortage():
        raise RuntimeError("shapes do not fit")


def test_what_was_computed_so_far_is_let_go() -> None:
    def compute() -> None:
        half = torch.ones(3)
        raise MemoryError(str(half.shape))

    with pytest.raises(NoRoom) as raised, shortage():
        compute()
    cause = raised.value.__cause__
    assert cause is not None
    assert cause.__traceback__ is not None
    innermost = cause.__traceback__
    while innermost.tb_next is not None:
        innermost = innermost.tb_next
    assert "half" not in innermost.tb_frame.f_locals
