"""The FLUX families at their true widths and a fraction of their depth, with random values.

A step's arithmetic is that of the real blocks; there are fewer of them, so that the weights are
made in a minute and take 3 GB each. The text encoders are thinner still: they run once a picture.

Source: the configurations published with FLUX.1-Kontext-dev and FLUX.2-klein-4B.
"""

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_kl_flux2 import AutoencoderKLFlux2
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_flux2 import Flux2Transformer2DModel
from diffusers.pipelines.flux.pipeline_flux_kontext import FluxKontextPipeline
from diffusers.pipelines.flux2.pipeline_flux2_klein import Flux2KleinPipeline
from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
    FlowMatchEulerDiscreteScheduler,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5EncoderModel,
)

from bench.full_size import Convertible
from darkroom.engine.edge import Tokenizer, built
from darkroom.engine.tiny_tokenizers import clip_tokenizer, qwen_tokenizer, t5_tokenizer

KONTEXT_BLOCKS = (2, 4)
"""With two streams and with one; the published one has 19 and 38."""

KLEIN_BLOCKS = (2, 8)
"""The published one has 5 and 20."""

_CLIP_WIDTH, _T5_WIDTH, _QWEN_WIDTH = 768, 4096, 2560
_QWEN_LAYERS = 28  # the pipeline joins the hidden states 9, 18 and 27
_SHIFT = {"use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15}


def flux_kontext() -> Convertible:
    """FLUX.1 Kontext, dev."""
    clip, t5 = clip_tokenizer(), t5_tokenizer()
    return built(
        Convertible,
        FluxKontextPipeline,
        scheduler=built(object, FlowMatchEulerDiscreteScheduler, **_SHIFT),
        vae=built(
            object,
            AutoencoderKL,
            **_pixels(latents=16),
            use_quant_conv=False,
            use_post_quant_conv=False,
            shift_factor=0.1159,
            scaling_factor=0.3611,
        ),
        text_encoder=_clip(clip),
        tokenizer=clip,
        text_encoder_2=_t5(t5),
        tokenizer_2=t5,
        transformer=built(
            object,
            FluxTransformer2DModel,
            **_transformer(latents=16, blocks=KONTEXT_BLOCKS, axes=(16, 56, 56)),
            joint_attention_dim=_T5_WIDTH,
            pooled_projection_dim=_CLIP_WIDTH,
            guidance_embeds=True,
        ),
    )


def flux2_klein() -> Convertible:
    """FLUX.2 klein, the distilled 4B."""
    tokenizer = qwen_tokenizer()
    return built(
        Convertible,
        Flux2KleinPipeline,
        scheduler=built(object, FlowMatchEulerDiscreteScheduler, **_SHIFT),
        vae=built(object, AutoencoderKLFlux2, **_pixels(latents=32)),
        text_encoder=_qwen(tokenizer),
        tokenizer=tokenizer,
        transformer=built(
            object,
            Flux2Transformer2DModel,
            **_transformer(latents=32, blocks=KLEIN_BLOCKS, axes=(32, 32, 32, 32)),
            joint_attention_dim=3 * _QWEN_WIDTH,
            guidance_embeds=False,
        ),
        is_distilled=True,
    )


def _pixels(*, latents: int) -> dict[str, object]:
    return {
        "block_out_channels": (128, 256, 512, 512),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 2,
        "latent_channels": latents,
    }


def _transformer(
    *, latents: int, blocks: tuple[int, int], axes: tuple[int, ...]
) -> dict[str, object]:
    return {
        "in_channels": 4 * latents,  # patches of 2 by 2 latents
        "num_layers": blocks[0],
        "num_single_layers": blocks[1],
        "num_attention_heads": 24,
        "attention_head_dim": 128,
        "axes_dims_rope": axes,  # they sum to the width of a head
    }


def _clip(tokenizer: Tokenizer) -> object:
    config = built(
        object,
        CLIPTextConfig,
        vocab_size=49_408,
        hidden_size=_CLIP_WIDTH,
        intermediate_size=4 * _CLIP_WIDTH,
        num_hidden_layers=12,
        num_attention_heads=12,
        projection_dim=_CLIP_WIDTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return built(object, CLIPTextModel, config=config)


def _t5(tokenizer: Tokenizer) -> object:
    config = built(
        object,
        T5Config,
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        d_model=_T5_WIDTH,
        d_ff=10_240,
        d_kv=64,
        num_heads=64,
        num_layers=2,
        feed_forward_proj="gated-gelu",
        is_encoder_decoder=False,
    )
    return built(object, T5EncoderModel, config=config)


def _qwen(tokenizer: Tokenizer) -> object:
    config = built(
        object,
        Qwen3Config,
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        hidden_size=_QWEN_WIDTH,
        intermediate_size=_QWEN_WIDTH,
        num_hidden_layers=_QWEN_LAYERS,
        num_attention_heads=8,
        num_key_value_heads=2,
        head_dim=128,
    )
    return built(object, Qwen3ForCausalLM, config=config)
