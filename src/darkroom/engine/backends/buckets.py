"""Any number of rows through a call that is made for a few numbers: padded, split, put together."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

_FULL = 0.75
"""A batch is padded if so much of it is rows; measured on a CPU, less costs more than two calls."""


class Bucketed:
    """Satisfies `darkroom.engine.backends.interface.Part`.

    Args:
        call: takes and gives exactly as many rows as one of *batches*.
        batches: ascending; None for a call that takes any number.
    """

    def __init__(self, call: Callable[..., Tensor], batches: Sequence[int] | None) -> None:
        self.batches = batches
        self._call = call

    def __call__(self, *tensors: Tensor) -> Tensor:
        """Compute all rows; those that pad are copies of the last and dropped again."""
        with torch.inference_mode():
            if self.batches is None:
                return self._call(*tensors)
            done = list(self._shares(tensors, self.batches))
            return done[0] if len(done) == 1 else torch.cat(done)

    def _shares(self, tensors: Sequence[Tensor], batches: Sequence[int]) -> Iterator[Tensor]:
        begin, rows = 0, tensors[0].shape[0]
        for size in sizes(rows, batches):
            end = min(begin + size, rows)
            yield self._call(*[_padded(one[begin:end], size) for one in tensors])[: end - begin]
            begin = end


def sizes(rows: int, batches: Sequence[int]) -> Iterator[int]:
    """The batches that *rows* are computed in, in order; their sum is at least *rows*.

    >>> list(sizes(7, (1, 2, 4, 8))), list(sizes(5, (1, 2, 4, 8))), list(sizes(3, (4,)))
    ([8], [4, 1], [4])
    """
    while rows > 0:
        size = _next(rows, batches)
        yield size
        rows -= size


def _next(rows: int, batches: Sequence[int]) -> int:
    fitting = [size for size in batches if size <= rows]
    above = next((size for size in batches if size >= rows), None)
    if above is not None and (not fitting or rows >= _FULL * above):
        return above
    return fitting[-1]


def _padded(rows: Tensor, size: int) -> Tensor:
    missing = size - rows.shape[0]
    return torch.cat([rows, *[rows[-1:]] * missing]) if missing else rows
