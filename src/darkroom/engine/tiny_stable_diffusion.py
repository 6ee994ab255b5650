"""The tiny Stable Diffusion pipeline, with the v-prediction of 2.1 and the checker of 1.5."""

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img import (
    StableDiffusionImg2ImgPipeline,
)
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
)

from darkroom.engine.edge import Saveable, Tokenizer, built
from darkroom.engine.tiny_tokenizers import clip_tokenizer

_WIDTH = 32  # of every hidden state
_CHECKER_SIDE = 32  # pixels of the picture the safety checker looks at


def stable_diffusion() -> Saveable:
    """Build it with the default random generator of torch."""
    tokenizer = clip_tokenizer()
    return built(
        Saveable,
        StableDiffusionImg2ImgPipeline,
        vae=_autoencoder(),
        text_encoder=clip_text_model(tokenizer),
        tokenizer=tokenizer,
        unet=_unet(),
        scheduler=_scheduler(),
        safety_checker=concept_checker(tokenizer),
        feature_extractor=concept_processor(),
    )


def clip_text_model(tokenizer: Tokenizer) -> object:
    """CLIP's text tower with two layers, for the tokens of *tokenizer*."""
    return built(object, CLIPTextModel, config=_text_config(tokenizer))


def _text_config(tokenizer: Tokenizer) -> object:
    return built(
        object,
        CLIPTextConfig,
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        hidden_size=_WIDTH,
        projection_dim=_WIDTH,
        intermediate_size=2 * _WIDTH,
        num_attention_heads=4,
        num_hidden_layers=2,
    )


def _unet() -> object:
    # Attention only at the lower level: a large input picture stays quick.
    return built(
        object,
        UNet2DConditionModel,
        sample_size=32,
        block_out_channels=(_WIDTH, 2 * _WIDTH),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=_WIDTH,
        attention_head_dim=8,
        norm_num_groups=8,
    )


def _autoencoder() -> object:
    return built(
        object,
        AutoencoderKL,
        block_out_channels=(16, 16, 16, 16),  # four blocks: one latent is 8 pixels wide
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
    )


def _scheduler() -> object:
    return built(
        object,
        DPMSolverMultistepScheduler,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        steps_offset=1,
        prediction_type="v_prediction",
    )


def concept_processor() -> Saveable:
    """What scales and cuts a picture for the tiny safety checker."""
    return built(
        Saveable,
        CLIPImageProcessorPil,
        size={"shortest_edge": _CHECKER_SIDE},
        crop_size={"height": _CHECKER_SIDE, "width": _CHECKER_SIDE},
    )


def concept_checker(tokenizer: Tokenizer) -> Saveable:
    """Stable Diffusion's safety checker with one layer; its thresholds of 1 flag nothing."""
    vision = built(
        object,
        CLIPVisionConfig,
        hidden_size=_WIDTH,
        projection_dim=_WIDTH,
        intermediate_size=2 * _WIDTH,
        num_attention_heads=4,
        num_hidden_layers=1,
        image_size=_CHECKER_SIDE,
        patch_size=_CHECKER_SIDE // 2,
    )
    towers = built(
        object,
        CLIPConfig,
        text_config=_text_config(tokenizer),
        vision_config=vision,
        projection_dim=_WIDTH,
    )
    return built(Saveable, StableDiffusionSafetyChecker, config=towers)
