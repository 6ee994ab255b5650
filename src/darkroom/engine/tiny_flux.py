"""The tiny FLUX pipelines: Kontext and klein."""

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_kl_flux2 import AutoencoderKLFlux2
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_flux2 import Flux2Transformer2DModel
from diffusers.pipelines.flux.pipeline_flux_kontext import FluxKontextPipeline
from diffusers.pipelines.flux2.pipeline_flux2_klein import Flux2KleinPipeline
from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
    FlowMatchEulerDiscreteScheduler,
)
from transformers import Qwen3Config, Qwen3ForCausalLM, T5Config, T5EncoderModel

from darkroom.engine.edge import Saveable, Tokenizer, built
from darkroom.engine.tiny_stable_diffusion import clip_text_model
from darkroom.engine.tiny_tokenizers import clip_tokenizer, qwen_tokenizer, t5_tokenizer

_LATENTS = 4
_HEADS, _HEAD = 2, 16
_WIDTH = 32  # of both text encoders of Kontext
_QWEN_WIDTH = 16
_QWEN_LAYERS_READ = 3  # klein joins the hidden states 9, 18 and 27
_BLOCKS = (16, 16, 16, 16)  # four blocks: one latent is 8 pixels wide


def flux_kontext() -> Saveable:
    """Build the Kontext pipeline with the default random generator of torch."""
    clip, t5 = clip_tokenizer(), t5_tokenizer()
    return built(
        Saveable,
        FluxKontextPipeline,
        scheduler=_scheduler(),
        vae=built(
            object,
            AutoencoderKL,
            **_pixels(),
            use_quant_conv=False,
            use_post_quant_conv=False,
            shift_factor=0.1159,
            scaling_factor=0.3611,
        ),
        text_encoder=clip_text_model(clip),
        tokenizer=clip,
        text_encoder_2=_t5(t5),
        tokenizer_2=t5,
        transformer=built(
            object,
            FluxTransformer2DModel,
            **_transformer(axes=(4, 4, 8)),
            joint_attention_dim=_WIDTH,
            pooled_projection_dim=_WIDTH,
            guidance_embeds=True,
        ),
    )


def flux2_klein() -> Saveable:
    """Build the klein pipeline with the default random generator of torch."""
    tokenizer = qwen_tokenizer()
    return built(
        Saveable,
        Flux2KleinPipeline,
        scheduler=_scheduler(),
        vae=built(object, AutoencoderKLFlux2, **_pixels()),
        text_encoder=_qwen(tokenizer),
        tokenizer=tokenizer,
        transformer=built(
            object,
            Flux2Transformer2DModel,
            **_transformer(axes=(4, 4, 4, 4)),
            joint_attention_dim=_QWEN_LAYERS_READ * _QWEN_WIDTH,
            timestep_guidance_channels=32,
            guidance_embeds=False,
        ),
        is_distilled=True,
    )


def _scheduler() -> object:
    return built(object, FlowMatchEulerDiscreteScheduler, use_dynamic_shifting=True)


def _pixels() -> dict[str, object]:
    return {
        "block_out_channels": _BLOCKS,
        "down_block_types": ("DownEncoderBlock2D",) * len(_BLOCKS),
        "up_block_types": ("UpDecoderBlock2D",) * len(_BLOCKS),
        "layers_per_block": 1,
        "latent_channels": _LATENTS,
        "norm_num_groups": 8,
    }


def _transformer(*, axes: tuple[int, ...]) -> dict[str, object]:
    return {
        "in_channels": 4 * _LATENTS,  # patches of 2 by 2 latents
        "num_layers": 1,
        "num_single_layers": 1,
        "num_attention_heads": _HEADS,
        "attention_head_dim": _HEAD,
        "axes_dims_rope": axes,  # they sum to the width of a head
    }


def _t5(tokenizer: Tokenizer) -> object:
    config = built(
        object,
        T5Config,
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        d_model=_WIDTH,
        d_ff=2 * _WIDTH,
        d_kv=8,
        num_heads=4,
        num_layers=2,
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
        intermediate_size=2 * _QWEN_WIDTH,
        num_hidden_layers=28,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
    )
    return built(object, Qwen3ForCausalLM, config=config)
