"""Pictures to tensors and back."""

import torch
from PIL import Image
from torch import Tensor

from darkroom.domain.errors import RunFailed
from darkroom.engine.device import Device


def to_pixels(image: Image.Image, device: Device) -> Tensor:
    """Turn an RGB picture into (1, 3, H, W) in [-1, 1]."""
    height, width = image.height, image.width
    flat = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    pixels = flat.view(1, height, width, 3).permute(0, 3, 1, 2).float() / 255 * 2 - 1
    return pixels.to(device.torch_device, device.dtype)


def cropped(image: Image.Image, multiple: int) -> Image.Image:
    """The middle of a picture, with sides that are multiples of *multiple*."""
    width, height = (side // multiple * multiple for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def to_image(pixels: Tensor) -> Image.Image:
    """Turn (1, 3, H, W), nominally in [-1, 1], into an RGB picture, rounding to 8 bits.

    Raises:
        RunFailed: a value is not finite, or all of them are black.
    """
    if not bool(torch.isfinite(pixels).all()):
        raise RunFailed(
            "The model produced values that are no numbers. Try another prompt, picture or seed."
        )
    levels = ((pixels[0].float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    rows = levels.permute(1, 2, 0).contiguous().cpu()
    image = Image.frombytes("RGB", (rows.shape[1], rows.shape[0]), rows.numpy().tobytes())
    if image.getbbox() is None:
        raise RunFailed("The model produced a black picture. Try another prompt, picture or seed.")
    return image
