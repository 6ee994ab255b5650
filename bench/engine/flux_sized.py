"""The FLUX families at their true widths and a fraction of their depth, with random values.

A step's arithmetic is that of the real blocks; there are fewer of them, so that the weights are
made in a minute and take 3 GB each. The text encoders are thinner still: they run once a picture.

Source: the configurations published with FLUX.1-Kontext-dev and FLUX.2-klein-4B.
"""

from bench.full_size import Convertible
from darkroom.engine import random_flux
from darkroom.engine.random_flux import Sizes

KONTEXT_BLOCKS = (2, 4)
"""With two streams and with one; the published one has 19 and 38."""

KLEIN_BLOCKS = (2, 8)
"""The published one has 5 and 20."""

_CLIP_WIDTH, _T5_WIDTH, _QWEN_WIDTH = 768, 4096, 2560


def flux_kontext() -> Convertible:
    """FLUX.1 Kontext, dev."""
    transformer = _transformer(KONTEXT_BLOCKS, axes=(16, 56, 56))
    return random_flux.flux_kontext(
        Convertible, vae=_pixels(16), transformer=transformer, clip=_clip(), t5=_t5()
    )


def flux2_klein() -> Convertible:
    """FLUX.2 klein, the distilled 4B."""
    transformer = _transformer(KLEIN_BLOCKS, axes=(32, 32, 32, 32))
    return random_flux.flux2_klein(
        Convertible, vae=_pixels(32), transformer=transformer, qwen=_qwen()
    )


def _pixels(latents: int) -> Sizes:
    return {
        "block_out_channels": (128, 256, 512, 512),
        "layers_per_block": 2,
        "latent_channels": latents,
    }


def _transformer(blocks: tuple[int, int], axes: tuple[int, ...]) -> Sizes:
    return {
        "num_layers": blocks[0],
        "num_single_layers": blocks[1],
        "num_attention_heads": 24,
        "attention_head_dim": 128,
        "axes_dims_rope": axes,  # they sum to the width of a head
    }


def _clip() -> Sizes:
    return {
        "vocab_size": 49_408,
        "hidden_size": _CLIP_WIDTH,
        "intermediate_size": 4 * _CLIP_WIDTH,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "projection_dim": _CLIP_WIDTH,
    }


def _t5() -> Sizes:
    return {
        "d_model": _T5_WIDTH,
        "d_ff": 10_240,
        "d_kv": 64,
        "num_heads": 64,
        "num_layers": 2,
        "feed_forward_proj": "gated-gelu",
        "is_encoder_decoder": False,
    }


def _qwen() -> Sizes:
    return {
        "hidden_size": _QWEN_WIDTH,
        "intermediate_size": _QWEN_WIDTH,
        "num_hidden_layers": 28,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "head_dim": 128,
    }
