"""A small picture as text: half blocks in 24-bit colour, two pixels to a character."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST_COLUMNS = 40
_TRUE_COLOUR = ("truecolor", "24bit")
_RESET = "\x1b[0m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Raw RGB, 8 bits a channel, rows from the top; `rgb` has 3 * width * height bytes."""

    width: int
    height: int
    rgb: bytes


def shows_colours(environment: Mapping[str, str]) -> bool:
    """Whether the terminal says that it knows 24-bit colours."""
    return environment.get("COLORTERM", "").lower() in _TRUE_COLOUR


def half_blocks(picture: Picture, *, columns: int, lines: int) -> Sequence[str]:
    """*picture* in so many columns and lines of text at most; it is never enlarged."""
    scale = min(1.0, columns / picture.width, 2 * lines / picture.height)
    width = max(1, int(picture.width * scale))
    rows = _scaled(picture, width, max(1, int(picture.height * scale)))
    below = [*rows[1::2], None] if len(rows) % 2 else rows[1::2]
    return [_line(*pair) for pair in zip(rows[::2], below, strict=True)]


def _line(upper: Sequence[bytes], lower: Sequence[bytes] | None) -> str:
    """One line of text; of the last there may be no lower half."""
    cells: list[str] = []
    for number, (red, green, blue) in enumerate(upper):
        cells.append(f"\x1b[38;2;{red};{green};{blue}m")
        if lower is not None:
            red, green, blue = lower[number]
            cells.append(f"\x1b[48;2;{red};{green};{blue}m")
        cells.append("▀")
    return "".join([*cells, _RESET])


def _scaled(picture: Picture, width: int, height: int) -> Sequence[Sequence[bytes]]:
    """Rows of pixels, each the mean of those it stands for."""
    xs = [picture.width * x // width for x in range(width + 1)]
    ys = [picture.height * y // height for y in range(height + 1)]
    return [
        [_mean(picture, xs[x], xs[x + 1], ys[y], ys[y + 1]) for x in range(width)]
        for y in range(height)
    ]


def _mean(picture: Picture, left: int, right: int, top: int, bottom: int) -> bytes:
    row = 3 * picture.width
    box = b"".join(
        picture.rgb[y * row + 3 * left : y * row + 3 * right] for y in range(top, bottom)
    )
    count = len(box) // 3
    return bytes(sum(box[channel::3]) // count for channel in range(3))
