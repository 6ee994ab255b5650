"""One picture to be made, spelled as the inputs of the img2img model."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """`image` is the path of a PNG."""

    image: str
    prompt: str
    seed: int
    num_inference_steps: int
    prompt_strength: float
    guidance_scale: float
