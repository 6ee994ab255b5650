"""The pipeline without us: `python -m bench.direct FOLDER ORDER [alone]` loads it and waits.

Each line on standard input names a file: one picture is made and written there, and the answer
is a line with the seconds of the pipeline's call alone. ORDER is the JSON of an `Order`;
`alone` computes on one thread, as the server does with tiny weights.
"""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, cast

import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img import (
    StableDiffusionImg2ImgPipeline,
)
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from PIL import Image

from bench.order import Order
from darkroom.engine.device import best_device, compute_alone
from darkroom.engine.edge import Pipeline, Scheduler, built, quieten


class _Answer(Protocol):
    images: list[Image.Image]


class _PipelineKind(Protocol):
    def from_pretrained(self, folder: str, **settings: object) -> Pipeline: ...


class _SchedulerKind(Protocol):
    def from_config(self, config: Mapping[str, object]) -> Scheduler: ...


def load(folder: Path) -> Pipeline:
    device = best_device()
    kind = cast("_PipelineKind", StableDiffusionImg2ImgPipeline)
    pipeline = kind.from_pretrained(
        str(folder), local_files_only=True, use_safetensors=True, dtype=device.dtype
    )
    sampler = cast("_SchedulerKind", DDIMScheduler)
    pipeline.scheduler = sampler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.to(device.torch_device)
    return pipeline


def picture(pipeline: Pipeline, order: Order) -> Image.Image:
    answer = built(
        _Answer,
        pipeline,
        prompt=order.prompt,
        image=Image.open(order.image).convert("RGB"),
        strength=order.prompt_strength,
        num_inference_steps=order.num_inference_steps,
        guidance_scale=order.guidance_scale,
        generator=torch.Generator("cpu").manual_seed(order.seed),
    )
    return answer.images[0]


def main() -> None:
    quieten()
    if "alone" in sys.argv[3:]:
        compute_alone()
    pipeline, order = load(Path(sys.argv[1])), Order(**json.loads(sys.argv[2]))
    for line in sys.stdin:
        began = time.perf_counter()
        made = picture(pipeline, order)
        seconds = time.perf_counter() - began
        made.save(line.strip())
        print(seconds, flush=True)


if __name__ == "__main__":
    main()
