from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from PIL import Image
from tests.engine.making import ignore, tiny_engine
from torch import Tensor
from torch.nn.functional import avg_pool2d

from darkroom.domain.families import Family
from darkroom.engine.interface import Order, Sampler, Thumbnail
from darkroom.engine.previews import LONGEST_SIDE, Painter, clean_of
from darkroom.protocol.messages import MAX_PREVIEW_SIDE

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

MIX = torch.tensor([[0.9, 0.1, 0.0], [0.0, 0.5, 0.5], [-0.3, 0.0, 0.8], [0.2, 0.2, 0.2]])


class Encoder:
    """An encoder of which every latent cell is a mixture of the colours there."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, pixels: Tensor) -> Tensor:
        self.calls += 1
        return torch.einsum("kc,nchw->nkhw", MIX, avg_pool2d(pixels, 8)) + 0.7


def _shown(thumbnail: Thumbnail) -> Image.Image:
    return Image.frombytes("RGB", (thumbnail.width, thumbnail.height), thumbnail.rgb)


def test_latents_are_painted_in_the_colours_they_stand_for() -> None:
    encoder = Encoder()
    painter = Painter(encoder)
    colours = torch.tensor([[1.0, -1.0], [-0.5, 0.5], [0.25, 0.0]])  # red, green, blue; left, right
    picture = colours[None, :, None, :].repeat_interleave(32, 3).expand(1, 3, 48, 64)
    shown = _shown(painter.painted(encoder(picture)))
    assert shown.size == (8, 6)
    for x, column in ((1, 0), (6, 1)):
        expected = [round((float(one) / 2 + 0.5) * 255) for one in colours[:, column]]
        found = shown.getpixel((x, 3))
        assert isinstance(found, tuple)
        assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= 2


def test_the_colours_are_learned_once() -> None:
    encoder = Encoder()
    painter = Painter(encoder)
    for _ in range(3):
        painter.painted(torch.zeros(1, 4, 8, 8))
    assert encoder.calls == 1


def test_a_large_picture_is_shown_small() -> None:
    shown = Painter(Encoder()).painted(torch.zeros(1, 4, 200, 100))
    assert (shown.width, shown.height) == (LONGEST_SIDE // 2, LONGEST_SIDE)
    assert len(shown.rgb) == 3 * shown.width * shown.height
    assert LONGEST_SIDE == MAX_PREVIEW_SIDE


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_the_clean_latents_are_found_whatever_is_predicted(kind: str) -> None:
    clean, noise = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    shares = torch.linspace(0.99, 0.01, 1000)
    signal, spread = shares[600].sqrt(), (1 - shares[600]).sqrt()
    sample = signal * clean + spread * noise
    predictions = {"epsilon": noise, "v_prediction": signal * noise - spread * clean}
    found = clean_of(
        sample,
        torch.tensor(600),
        predictions.get(kind, clean),
        {"prediction_type": kind},
        shares,
    )
    assert torch.allclose(found, clean, atol=1e-5)


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("sampler", [None, Sampler.KLMS])
def test_every_family_shows_every_row_after_its_first_step(
    tiny: Mapping[Family, Path], photo: Image.Image, family: Family, sampler: Sampler | None
) -> None:
    engine = tiny_engine(family, tiny[family])
    order = Order(
        prompt="a tower",
        width=128,
        height=96,
        images=(photo,),
        steps=4,
        seed=1,
        guidance=2.0,
        sampler=sampler if family is Family.STABLE_DIFFUSION else None,
    )
    rows = engine.prepare(order)
    assert engine.preview(rows[0]) is None
    engine.step(rows, ignore)
    shown = engine.preview(rows[0])
    assert shown is not None
    assert (shown.width, shown.height) == (16, 12)
    assert len(set(shown.rgb)) > 1
    engine.cancel(rows)
    assert engine.preview(rows[0]) is None
