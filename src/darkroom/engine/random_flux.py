"""The FLUX pipelines, Kontext and klein, of any size and with random values."""

from collections.abc import Mapping
from typing import TypeAlias, cast

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

from darkroom.engine.edge import Made, Tokenizer, built
from darkroom.engine.tiny_tokenizers import clip_tokenizer, qwen_tokenizer, t5_tokenizer

Sizes: TypeAlias = Mapping[str, object]
"""Settings of a part that say how large it is, by the names of its configuration."""

_QWEN_LAYERS_READ = 3  # klein joins the hidden states 9, 18 and 27
_BLOCKS = 4  # of the autoencoder: one latent is 8 pixels wide


def flux_kontext(
    returns: type[Made], *, vae: Sizes, transformer: Sizes, clip: Sizes, t5: Sizes
) -> Made:
    """Build a Kontext pipeline with the default random generator of torch.

    Args:
        returns: what the caller needs of it.
        vae: with `latent_channels`, `block_out_channels` for four blocks.
        transformer: but for what follows from the others.
        clip: with `hidden_size`.
        t5: with `d_model`.
    """
    words, sentences = clip_tokenizer(), t5_tokenizer()
    return built(
        returns,
        FluxKontextPipeline,
        scheduler=_scheduler(),
        vae=built(
            object,
            AutoencoderKL,
            **_pixels(vae),
            use_quant_conv=False,
            use_post_quant_conv=False,
            shift_factor=0.1159,
            scaling_factor=0.3611,
        ),
        text_encoder=_text(CLIPTextModel, CLIPTextConfig, words, clip),
        tokenizer=words,
        text_encoder_2=_text(T5EncoderModel, T5Config, sentences, t5),
        tokenizer_2=sentences,
        transformer=built(
            object,
            FluxTransformer2DModel,
            **_patches(vae, transformer),
            joint_attention_dim=t5["d_model"],
            pooled_projection_dim=clip["hidden_size"],
            guidance_embeds=True,
        ),
    )


def flux2_klein(returns: type[Made], *, vae: Sizes, transformer: Sizes, qwen: Sizes) -> Made:
    """Build a distilled klein pipeline with the default random generator of torch.

    Args:
        returns: what the caller needs of it.
        vae: with `latent_channels`, `block_out_channels` for four blocks.
        transformer: but for what follows from the others.
        qwen: with `hidden_size`, at least 28 layers.
    """
    tokenizer = qwen_tokenizer()
    return built(
        returns,
        Flux2KleinPipeline,
        scheduler=_scheduler(),
        vae=built(object, AutoencoderKLFlux2, **_pixels(vae)),
        text_encoder=_text(Qwen3ForCausalLM, Qwen3Config, tokenizer, qwen),
        tokenizer=tokenizer,
        transformer=built(
            object,
            Flux2Transformer2DModel,
            **_patches(vae, transformer),
            joint_attention_dim=_QWEN_LAYERS_READ * cast("int", qwen["hidden_size"]),
            guidance_embeds=False,
        ),
        is_distilled=True,
    )


def _scheduler() -> object:
    return built(object, FlowMatchEulerDiscreteScheduler, use_dynamic_shifting=True)


def _pixels(vae: Sizes) -> Sizes:
    return {
        "down_block_types": ("DownEncoderBlock2D",) * _BLOCKS,
        "up_block_types": ("UpDecoderBlock2D",) * _BLOCKS,
        **vae,
    }


def _patches(vae: Sizes, transformer: Sizes) -> Sizes:
    """A token is a patch of 2 by 2 latents."""
    return {"in_channels": 4 * cast("int", vae["latent_channels"]), **transformer}


def _text(model: type, config: type, tokenizer: Tokenizer, sizes: Sizes) -> object:
    marks: Sizes = {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    return built(object, model, config=built(object, config, **{**marks, **sizes}))
