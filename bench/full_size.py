"""Weights without a download: the architecture of Stable Diffusion 1.5 with random values.

`python -m bench.full_size` makes build/weights/sd15-random (about 2 GB) unless it is there, and
prints its folder; with the word `tiny` it does so for the tiny pipeline that the server makes.
The tokenizer is the tiny pipeline's: its tokens are the first of the full vocabulary.

Source: the configurations published with stable-diffusion-v1-5 (unet, vae and text_encoder).
"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img import (
    StableDiffusionImg2ImgPipeline,
)
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from transformers import CLIPTextConfig, CLIPTextModel

from darkroom.domain.families import Family
from darkroom.engine.edge import built, quieten, seeded
from darkroom.engine.tiny import tiny_weights
from darkroom.engine.tiny_tokenizers import clip_tokenizer

FOLDER = Path("build/weights/sd15-random")
SEED = 20_221_020


class Convertible(Protocol):
    """A pipeline."""

    def to(self, dtype: torch.dtype) -> "Convertible": ...
    def save_pretrained(self, save_directory: str) -> object: ...


def provide() -> Path:
    """The folder of the weights, made now if it is missing; takes half a minute."""
    return published(FOLDER, _pipeline).absolute()


def published(folder: Path, recipe: Callable[[], Convertible]) -> Path:
    """*folder* with what *recipe* builds, made now if it is missing."""
    if not folder.exists():
        making = folder.with_name(folder.name + ".making")
        shutil.rmtree(making, ignore_errors=True)
        with seeded(SEED):
            pipeline = recipe()
        # Half the bytes on disk; the loader widens them again.
        pipeline.to(torch.bfloat16).save_pretrained(str(making))
        making.rename(folder)
    return folder


def _pipeline() -> Convertible:
    return built(
        Convertible,
        StableDiffusionImg2ImgPipeline,
        unet=_unet(),
        vae=_autoencoder(),
        text_encoder=_text_encoder(),
        tokenizer=clip_tokenizer(),
        scheduler=_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _scheduler() -> object:
    return built(
        object,
        DDIMScheduler,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


def _unet() -> object:
    return built(
        object,
        UNet2DConditionModel,
        sample_size=64,
        block_out_channels=(320, 640, 1280, 1280),
        layers_per_block=2,
        down_block_types=(*("CrossAttnDownBlock2D",) * 3, "DownBlock2D"),
        up_block_types=("UpBlock2D", *("CrossAttnUpBlock2D",) * 3),
        cross_attention_dim=768,
        attention_head_dim=8,
    )


def _autoencoder() -> object:
    return built(
        object,
        AutoencoderKL,
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
        sample_size=512,
    )


def _text_encoder() -> object:
    tokenizer = clip_tokenizer()
    config = built(
        object,
        CLIPTextConfig,
        vocab_size=49_408,
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        projection_dim=768,
        hidden_act="quick_gelu",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return built(object, CLIPTextModel, config=config)


if __name__ == "__main__":
    quieten()
    tiny = "tiny" in sys.argv[1:]
    print(tiny_weights(Family.STABLE_DIFFUSION, FOLDER.parent).absolute() if tiny else provide())
