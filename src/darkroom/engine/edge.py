"""The typed edge of torch, diffusers and transformers, whose own signatures are partly typed."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Protocol, TypeVar, cast

import torch
from diffusers.utils import logging as diffusers_logging
from torch import Tensor
from transformers.utils import logging as transformers_logging

Made = TypeVar("Made")


class Saveable(Protocol):
    """Anything that can be written to a folder in the hub's layout."""

    def save_pretrained(self, save_directory: str) -> object:
        """Write it."""
        ...


class Tokenizer(Protocol):
    """Text to numbers."""

    bos_token_id: int | None
    eos_token_id: int
    pad_token_id: int

    def __len__(self) -> int:
        """How many tokens there are."""
        ...


class Scheduler(Protocol):
    """A noise schedule; holds the state of one row."""

    config: Mapping[str, object]
    timesteps: Tensor
    order: int

    def set_timesteps(self, num_inference_steps: int | None = None, **how: object) -> None:
        """Choose the timesteps."""
        ...

    def set_begin_index(self, begin_index: int) -> None:
        """Say which of them is stepped first; some samplers lack the method."""
        ...

    def add_noise(self, original_samples: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Mix latents with noise."""
        ...

    def scale_model_input(self, sample: Tensor, timestep: Tensor) -> Tensor:
        """Put latents as the denoiser wants them."""
        ...

    def step(
        self,
        model_output: Tensor,
        timestep: Tensor,
        sample: Tensor,
        *,
        return_dict: bool,
        **more: object,
    ) -> tuple[Tensor]:
        """Take one step."""
        ...


class Distribution(Protocol):
    """What an encoder believes of a picture."""

    def mode(self) -> Tensor:
        """The most likely latents."""
        ...

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """Draw latents once, on the generator's device and in the encoder's dtype."""
        ...


class Encoding(Protocol):
    """An encoder's answer."""

    latent_dist: Distribution


class AutoencoderConfig(Protocol):
    """The numbers that shift and scale latents."""

    latent_channels: int
    scaling_factor: float
    shift_factor: float | None


class Autoencoder(Protocol):
    """Pixels to latents and back. Pixels are (N, 3, H, W), nominally in [-1, 1]."""

    config: AutoencoderConfig

    def encode(self, x: Tensor) -> Encoding:
        """Encode pixels."""
        ...

    def decode(self, z: Tensor, *, return_dict: bool) -> tuple[Tensor]:
        """Decode latents (N, C, h, w)."""
        ...


class Pipeline(Protocol):
    """The parts of a diffusers pipeline that all families share."""

    vae: Autoencoder
    scheduler: Scheduler
    components: Mapping[str, object]

    def to(self, device: torch.device) -> object:
        """Move every part to *device*."""
        ...

    def set_progress_bar_config(self, *, disable: bool) -> None:
        """Show a bar on stderr or not."""
        ...


class PipelineKind(Protocol):
    """A class of pipelines."""

    def from_pretrained(
        self,
        folder: str,
        *,
        local_files_only: bool,
        use_safetensors: bool,
        dtype: torch.dtype,
        **parts: object,
    ) -> Pipeline:
        """Load one from a folder in the hub's layout; parts the folder lacks raise ValueError.

        *parts* are loaded already, by their names, and go before those of the folder.
        """
        ...


class SchedulerKind(Protocol):
    """A class of noise schedules."""

    def from_config(self, config: Mapping[str, object]) -> Scheduler:
        """Make one as another was configured; what it does not know is ignored."""
        ...


def built(returns: type[Made], kind: object, **settings: object) -> Made:
    """Call a class or function of theirs; *returns* names what the caller needs of the result."""
    del returns
    return cast("Callable[..., Made]", kind)(**settings)


@contextmanager
def seeded(seed: int) -> Generator[None]:
    """Start the default random generator of the CPU at *seed*; put it back afterwards."""
    before = torch.get_rng_state()
    cast("Callable[[int], object]", torch.manual_seed)(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before)


def quieten() -> None:
    """Let diffusers and transformers tell errors only, and draw no progress bars.

    A host calls it before it loads anything. What these two would warn of, loading tells itself.
    """
    for logging in (diffusers_logging, transformers_logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()
