"""What a pipeline is loaded from. No torch in here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A LoRA: one .safetensors file, and how much of it counts.

    Args:
        file: of low-rank changes to the denoiser, and to the text encoder if it has any.
        scale: 1 is as it was trained, 0 is nothing; below 0 is its opposite.
    """

    file: Path
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the parts of one pipeline are.

    Args:
        folder: in the layout of diffusers; parts that *single_file* holds may lack their tensors.
        single_file: a .safetensors checkpoint whose parts go before those of *folder*.
        loras: put on one after the other.
    """

    folder: Path
    single_file: Path | None = None
    loras: Sequence[Adapter] = ()
