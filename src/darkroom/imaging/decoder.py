"""The child that decodes one hostile picture: `python -m darkroom.imaging.decoder`.

Standard input is a Unix socket to the parent. The child loads its libraries, gives up what it
does not need, says that it is ready, receives two descriptors (the picture, and a file for the
pixels), writes raw RGB rows into the second one and answers with a verdict.

The child writes the rows itself because the parent would otherwise copy up to 150 MB through its
event loop. RLIMIT_FSIZE then bounds what the file can grow to. Once it holds the picture it can
open nothing else; see `darkroom.imaging.confine`.
"""

import ctypes
import os
import resource
import signal
import socket
import sys
import warnings
from collections.abc import Callable, Mapping
from io import BytesIO
from struct import error as StructError  # noqa: N812
from typing import Final, cast
from zlib import error as ZlibError  # noqa: N812

from PIL import (
    Image,
    ImageCms,
    ImageColor,
    ImagePalette,
    MpoImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from darkroom.imaging.confine import confine
from darkroom.imaging.headers import Header, is_whole, read_header
from darkroom.imaging.verdict import GO, LARGEST_SIDE, READY, REPLY, SMALLEST_SIDE, Verdict

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF")
LOADED_EARLY: Final = (ImageColor, ImagePalette, MpoImagePlugin, TiffImagePlugin, WebPImagePlugin)
"""What Pillow imports when it first needs it, which the limits would forbid."""

STRIP_PIXELS: Final = 2**20
DESCRIPTORS: Final = 5  # 0 to 2, the picture, the pixels

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_ORIENTATION = 0x0112
_PNG_DEPTH_AT = 24
_UPRIGHT: Mapping[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DAMAGE = (OSError, SyntaxError, ValueError, LookupError, EOFError, StructError, ZlibError)

Strip = Callable[[Image.Image], Image.Image]


class Unfit(Exception):
    """There will be no pixels; carries the verdict. It never leaves this process."""

    def __init__(self, verdict: Verdict, width: int = 0, height: int = 0) -> None:
        """Keep the verdict and the size, 0 where unknown."""
        super().__init__(verdict.name)
        self.reply = (int(verdict), width, height)


def main(words: list[str]) -> None:
    """Decode one picture for the parent.

    Args:
        words: most pixels, address space in bytes, CPU seconds, process id of the parent.
    """
    most, memory, cpu, parent = (int(word) for word in words)
    channel = socket.socket(fileno=0)
    _die_with(parent)
    Image.preinit()
    Image.MAX_IMAGE_PIXELS = most
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    restrict(most, memory, cpu)
    channel.sendall(READY)
    order, descriptors, _, _ = socket.recv_fds(channel, len(GO), 2)
    if order != GO or len(descriptors) != 2:
        return
    picture, pixels = descriptors
    data = os.pread(picture, os.fstat(picture).st_size, 0)
    confine()
    try:
        size = decode(data, pixels, most)
        reply = (int(Verdict.DECODED), *size)
    except Unfit as error:
        reply = error.reply
    channel.sendall(REPLY.pack(*reply))


def decode(data: bytes, pixels: int, most: int) -> tuple[int, int]:
    """Write the picture in *data* to the descriptor *pixels* as RGB rows; returns its size.

    Raises:
        Unfit: why not.
    """
    header = read_header(data)
    if header is None:
        raise Unfit(Verdict.NOT_A_PICTURE)
    _check_size(header.width, header.height, most)
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as opened:
            _check_size(*opened.size, most)
            if header.format == "PNG":
                _match_depth(opened, depth=data[_PNG_DEPTH_AT])
            return _write(_upright(opened), pixels)
    except MemoryError as error:
        raise Unfit(Verdict.TOO_GREEDY, header.width, header.height) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unfit(Verdict.TOO_GREEDY) from error  # its header was modest: a later one is not
    except _DAMAGE as error:
        raise Unfit(_why(data, header)) from error


def _why(data: bytes, header: Header) -> Verdict:
    return Verdict.DAMAGED if is_whole(data, header.format) else Verdict.CUT_SHORT


def _check_size(width: int, height: int, most: int) -> None:
    if 0 in {width, height}:  # the header is broken: the decoder will say how
        return
    if width * height > most:
        raise Unfit(Verdict.TOO_MANY_PIXELS, width, height)
    if max(width, height) > LARGEST_SIDE:
        raise Unfit(Verdict.TOO_LONG_SIDE, width, height)
    if min(width, height) < SMALLEST_SIDE:
        raise Unfit(Verdict.TOO_SMALL, width, height)


def _upright(opened: Image.Image) -> Image.Image:
    opened.load()
    try:
        turn = _UPRIGHT.get(opened.getexif().get(_ORIENTATION, 1))
    except _DAMAGE:
        turn = None
    return opened if turn is None else opened.transpose(turn)


def _match_depth(opened: Image.Image, *, depth: int) -> None:
    """Bring the one transparent colour of a PNG to the eight bits that are kept of each sample.

    Pillow leaves it in the samples of the file, where it meets no pixel.
    """
    told = opened.info.get("transparency")
    if depth in {1, 8} or opened.mode == "P":
        return
    if isinstance(told, int):
        opened.info["transparency"] = _in_eight_bits(told, depth)
    elif isinstance(told, tuple):
        samples = cast("tuple[int, ...]", told)
        opened.info["transparency"] = tuple(_in_eight_bits(one, depth) for one in samples)


def _in_eight_bits(sample: int, depth: int) -> int:
    return sample >> 8 if depth == 16 else sample * 255 // (2**depth - 1)


def _write(picture: Image.Image, pixels: int) -> tuple[int, int]:
    width, height = picture.size
    to_srgb = _to_srgb(picture)
    clear = picture.has_transparency_data
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = picture.crop((0, top, width, min(height, top + rows)))
        left = memoryview(_flat(strip, to_srgb, clear=clear).tobytes())
        while left:
            left = left[os.write(pixels, left) :]
    return width, height


def _flat(strip: Image.Image, to_srgb: Strip, *, clear: bool) -> Image.Image:
    if not clear:
        return to_srgb(strip)
    layered = _eight_bits(strip).convert("RGBA")
    white = Image.new("RGB", strip.size, (255, 255, 255))
    white.paste(to_srgb(layered.convert("RGB")), mask=layered.getchannel("A"))
    return white


def _to_srgb(picture: Image.Image) -> Strip:
    raw = picture.info.get("icc_profile")
    mode = _colour_mode(picture)
    if not isinstance(raw, bytes) or mode is None:
        return _plain
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(raw))
        if "sRGB" in ImageCms.getProfileDescription(profile):
            return _plain
        srgb = ImageCms.createProfile("sRGB")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # untyped in Pillow
        change = ImageCms.buildTransform(profile, srgb, mode, "RGB")  # pyright: ignore[reportUnknownArgumentType]  # the same
    except (ImageCms.PyCMSError, *_DAMAGE):
        return _plain  # an unusable profile is as good as none
    return lambda strip: change.apply(_plain(strip) if mode == "RGB" else strip)


def _colour_mode(picture: Image.Image) -> str | None:
    if picture.mode in {"CMYK", "L"} and not picture.has_transparency_data:
        return picture.mode
    return "RGB" if picture.mode in {"RGB", "RGBA", "P", "PA"} else None


def _plain(strip: Image.Image) -> Image.Image:
    strip = _eight_bits(strip)
    return strip if strip.mode == "RGB" else strip.convert("RGB")


def _eight_bits(strip: Image.Image) -> Image.Image:
    if strip.mode.startswith("I;16"):
        return strip.point(lambda value: value * (1 / 256)).convert("L")
    return strip


def _die_with(parent: int) -> None:
    kernel = ctypes.CDLL(None)
    kernel.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    kernel.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(1)


def restrict(most: int, memory: int, cpu: int) -> None:
    """Give up, for good, whatever a decoder has no need of.

    Args:
        most: pixels; a file may grow to three bytes for each.
        memory: address space in bytes.
        cpu: seconds of it.
    """
    for what, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, most * 3),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (limit, limit))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    main(sys.argv[1:])
