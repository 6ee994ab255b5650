"""Seeds to noise. Generators are the CPU's, so that a seed means the same on every device.

torch draws the same numbers in bfloat16 and float32 up to rounding, so precision keeps them too.
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

_SEEDS = 2**32


def generator_of(seed: int) -> Generator:
    """A CPU generator at *seed*; torch looks at its lowest 32 bits only."""
    return Generator(device="cpu").manual_seed(seed % _SEEDS)


def row_generators(start: Generator, shape: tuple[int, ...], count: int) -> Sequence[Generator]:
    """One generator per row: the first draw of row k is what *start* would draw k-th.

    Args:
        start: left after the last row's draw.
        shape: of one row's draw.
        count: rows.
    """
    generators: list[Generator] = []
    for _ in range(count):
        generators.append(_copy(start))
        torch.randn(shape, generator=start)
    return generators


def drawn(shape: tuple[int, ...], generator: Generator, like: Tensor) -> Tensor:
    """Normal noise, with the device and dtype of *like*."""
    return torch.randn(shape, generator=generator, dtype=like.dtype).to(like.device)


def sampled(moments: Tensor, generator: Generator) -> Tensor:
    """Draw latents once.

    Args:
        moments: (1, 2 C, h, w), what an encoder believes: mean, then logarithm of the variance.
        generator: of the CPU.

    Returns:
        (1, C, h, w).
    """
    mean, logarithm = moments.chunk(2, dim=1)
    deviation = torch.exp(0.5 * logarithm.clamp(-30.0, 20.0))
    return mean + deviation * drawn(tuple(mean.shape), generator, mean)


def apart(generators: Sequence[Generator]) -> list[Generator]:
    """Generators for the noise of later steps, after each row has drawn its first.

    Row 0 goes on as it would alone. The others would repeat the draws of their neighbours and
    get streams of their own instead.
    """
    return [generators[0], *(_descendant(one) for one in generators[1:])]


def _copy(generator: Generator) -> Generator:
    copy = Generator(device="cpu")
    copy.set_state(generator.get_state())
    return copy


def _descendant(generator: Generator) -> Generator:
    return generator_of(int(torch.randint(2**32, (1,), generator=generator)))
