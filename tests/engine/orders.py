"""Orders of each family that may share a batch, and differ in everything else."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from PIL import Image

from darkroom.domain.families import Family
from darkroom.engine.interface import Order, Sampler


def photo_of(width: int, height: int) -> Image.Image:
    """A picture with soft shapes in all three colours."""
    return Image.merge(
        "RGB",
        [Image.radial_gradient("L").rotate(turn).resize((width, height)) for turn in (0, 30, 60)],
    )


def orders_of(photo: Image.Image) -> Mapping[Family, Sequence[Order]]:
    """For each family what its rows may differ in, at one geometry."""
    turned = photo.transpose(Image.Transpose.ROTATE_180)
    large = photo.resize((160, 96))
    sd = Order(
        prompt="a lighthouse",
        width=128,
        height=96,
        images=(photo,),
        steps=10,
        strength=0.8,
        guidance=7.5,
        seed=7,
    )
    several = [
        replace(
            sd,
            prompt=f"number {index}",
            negative_prompt="rain" * index,
            images=((photo, turned)[index % 2],),
            steps=10 + 3 * index,
            strength=0.5 + 0.08 * index,
            guidance=(1.0, 1.5, 3.0, 7.5, 9.0, 6.0)[index],
            seed=100 + index,
            sampler=sampler,
        )
        for index, sampler in enumerate(Sampler)
    ]
    kontext = replace(sd, width=80, height=112, strength=1.0, guidance=2.5, steps=6)
    klein = replace(kontext, images=(photo, large), steps=4, guidance=1.0)
    return {
        Family.STABLE_DIFFUSION: several,
        Family.FLUX_KONTEXT: [
            kontext,
            replace(kontext, prompt="a tower", images=(turned,), steps=11, guidance=1.0, seed=1),
            replace(kontext, prompt="a ship at sea", steps=5, guidance=4.0, seed=2**31),
        ],
        Family.FLUX2_KLEIN: [
            klein,
            replace(klein, prompt="both", images=(turned, large), steps=7, seed=3),
            replace(klein, prompt="the second", seed=4),
        ],
    }
