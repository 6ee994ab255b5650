"""Pictures as the host hands them over, and as files."""

import io
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from PIL import Image

from darkroom.domain.errors import RunFailed
from darkroom.protocol.messages import Bytes, Pixels
from darkroom.runners.diffusers.sizes import Size


class Format(StrEnum):
    """File formats, spelled as `output_format` spells them; also the ends of file names."""

    PNG = "png"
    JPG = "jpg"
    WEBP = "webp"


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a picture becomes a file. `quality` is 0 to 100 and means nothing for PNG."""

    format: Format
    quality: int = 95

    @property
    def content_type(self) -> str:
        """The type the file is served with."""
        return "image/jpeg" if self.format is Format.JPG else f"image/{self.format}"

    def encode(self, image: Image.Image) -> bytes:
        """Encode an RGB picture; nothing but pixels goes into the file."""
        file = io.BytesIO()
        match self.format:
            case Format.PNG:
                image.save(file, "PNG", compress_level=1)  # a tenth larger, several times faster
            case Format.JPG:
                # Pillow takes quality 0 for its default; subsampling 0 keeps colour whole.
                image.save(file, "JPEG", quality=max(1, self.quality), subsampling=0)
            case Format.WEBP:
                image.save(file, "WEBP", quality=self.quality)
        return file.getvalue()


def read_picture(name: str, file: Bytes | Pixels) -> Image.Image:
    """Read the decoded picture of the input called *name* as RGB.

    Raises:
        RunFailed: it was handed over undecoded.
    """
    if isinstance(file, Bytes):
        raise RunFailed(f"`{name}` is not a picture. The version must ask for pixels.")
    size = (file.width, file.height)
    return Image.frombytes("RGB", size, Path(file.path).read_bytes())


def resized(image: Image.Image, size: Size) -> Image.Image:
    """Scale to *size* with Lanczos; the same picture if it has that size."""
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)
