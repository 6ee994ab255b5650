"""The tiny FLUX pipelines: Kontext and klein."""

from darkroom.engine import random_flux
from darkroom.engine.edge import Saveable
from darkroom.engine.random_flux import Sizes

_HEADS, _HEAD = 2, 16
_WIDTH = 32  # of both text encoders of Kontext
_QWEN_WIDTH = 16


def flux_kontext() -> Saveable:
    """Build the Kontext pipeline with the default random generator of torch."""
    return random_flux.flux_kontext(
        Saveable, vae=_pixels(), transformer=_transformer((4, 4, 8)), clip=_clip(), t5=_t5()
    )


def flux2_klein() -> Saveable:
    """Build the klein pipeline with the default random generator of torch."""
    transformer = {**_transformer((4, 4, 4, 4)), "timestep_guidance_channels": 32}
    return random_flux.flux2_klein(Saveable, vae=_pixels(), transformer=transformer, qwen=_qwen())


def _pixels() -> Sizes:
    return {
        "block_out_channels": (16, 16, 16, 16),
        "layers_per_block": 1,
        "latent_channels": 4,
        "norm_num_groups": 8,
    }


def _transformer(axes: tuple[int, ...]) -> Sizes:
    return {
        "num_layers": 1,
        "num_single_layers": 1,
        "num_attention_heads": _HEADS,
        "attention_head_dim": _HEAD,
        "axes_dims_rope": axes,  # they sum to the width of a head
    }


def _clip() -> Sizes:
    return {
        "hidden_size": _WIDTH,
        "projection_dim": _WIDTH,
        "intermediate_size": 2 * _WIDTH,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
    }


def _t5() -> Sizes:
    return {
        "d_model": _WIDTH,
        "d_ff": 2 * _WIDTH,
        "d_kv": 8,
        "num_heads": 4,
        "num_layers": 2,
        "is_encoder_decoder": False,
    }


def _qwen() -> Sizes:
    return {
        "hidden_size": _QWEN_WIDTH,
        "intermediate_size": 2 * _QWEN_WIDTH,
        "num_hidden_layers": 28,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
    }
