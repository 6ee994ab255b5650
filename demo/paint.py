"""Paint the three pictures the demo sends: a mountain sketch, a woman and a house. Own work.

Run `python demo/paint.py` to make them again; the same Pillow gives the same pictures.
"""

import math
import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

FOLDER = Path(__file__).parent
SIDE = 512
SCALE = 2  # painted twice as large, then scaled down: smooth edges
BIG = SIDE * SCALE

Colour = tuple[int, int, int]
Point = tuple[float, float]


def main() -> None:
    """Write the pictures beside this file."""
    mountains().save(FOLDER / "mountains.jpg", quality=82, optimize=True)
    woman().save(FOLDER / "woman.webp", quality=84, method=6)
    house().save(FOLDER / "house.jpg", quality=84, optimize=True)


def mountains() -> Image.Image:
    """A child's sketch in few flat colours: sky, sun, three ranges, a lake and firs."""
    chance = random.Random(7)
    picture = shaded((168, 205, 236), (250, 236, 212))
    draw = ImageDraw.Draw(picture)
    disc(draw, (760, 230), 84, (255, 214, 120))
    for x, y in ((190, 170), (520, 110)):
        cloud(draw, x, y)
    ranges = (
        (470, 190, (150, 168, 198)),
        (570, 150, (104, 128, 158)),
        (680, 110, (70, 98, 112)),
    )
    for level, height, colour in ranges:
        crest = ridge(chance, level, height)
        draw.polygon([*crest, (BIG, BIG), (0, BIG)], fill=colour)
        if level == ranges[0][0]:
            snow(draw, crest, level - 90)
    draw.rectangle((0, 770, BIG, 880), fill=(116, 168, 190))
    for _ in range(26):
        x, y = chance.uniform(0, BIG), chance.uniform(780, 870)
        draw.line((x, y, x + chance.uniform(40, 120), y), fill=(168, 206, 216), width=5)
    draw.polygon(
        [(0, 850), (300, 872), (700, 858), (BIG, 884), (BIG, BIG), (0, BIG)], (96, 134, 82)
    )
    for x in (70, 150, 236, 800, 880, 962):
        fir(draw, x, chance.uniform(880, 950), chance.uniform(150, 230))
    return finished(picture)


def woman() -> Image.Image:
    """A portrait to the shoulders: dark hair, red pullover, a calm look."""
    picture = shaded((226, 214, 198), (196, 176, 160))
    draw = ImageDraw.Draw(picture)
    hair, skin, shade = (62, 40, 34), (236, 192, 162), (214, 162, 132)
    draw.ellipse((288, 150, 736, 720), fill=hair)
    draw.rounded_rectangle((288, 420, 736, 820), 120, fill=hair)
    draw.ellipse((110, 760, 914, 1420), fill=(176, 58, 58))
    draw.rounded_rectangle((440, 600, 584, 850), 70, fill=shade)
    draw.ellipse((406, 740, 618, 880), fill=shade)
    draw.ellipse((350, 230, 674, 690), fill=skin)
    draw.pieslice((322, 170, 702, 590), 180, 360, fill=hair)
    draw.polygon([(350, 380), (350, 330), (520, 300), (430, 384)], fill=hair)
    draw.polygon([(674, 380), (674, 330), (520, 300), (620, 384)], fill=hair)
    for x in (440, 584):
        draw.arc((x - 48, 396, x + 48, 456), 200, 340, fill=hair, width=12)
        draw.ellipse((x - 36, 440, x + 36, 482), fill=(252, 248, 244))
        draw.ellipse((x - 20, 440, x + 20, 482), fill=(86, 112, 96))
        draw.ellipse((x - 9, 450, x + 9, 470), fill=(24, 20, 20))
        draw.arc((x - 40, 434, x + 40, 490), 190, 350, fill=hair, width=8)
        disc(draw, (x + (-40 if x < 512 else 40), 552), 36, (240, 178, 154))
    draw.line((512, 470, 496, 550), fill=shade, width=10)
    draw.arc((484, 528, 540, 566), 20, 160, fill=shade, width=10)
    draw.chord((452, 560, 572, 636), 10, 170, fill=(190, 72, 78))
    draw.arc((452, 556, 572, 620), 15, 165, fill=(150, 48, 58), width=6)
    draw.arc((392, 700, 632, 890), 20, 160, fill=(150, 44, 46), width=22)
    return finished(picture)


def house() -> Image.Image:
    """A house with a red roof on a meadow, a path to its door, a tree beside it."""
    picture = shaded((132, 190, 236), (226, 242, 250))
    draw = ImageDraw.Draw(picture)
    for x, y in ((160, 150), (800, 110)):
        cloud(draw, x, y)
    draw.ellipse((-300, 640, 800, 1500), fill=(120, 172, 88))
    draw.ellipse((260, 680, 1400, 1500), fill=(104, 158, 78))
    draw.polygon([(470, 780), (560, 780), (720, BIG), (380, BIG)], fill=(214, 194, 156))
    draw.rectangle((640, 220, 704, 380), fill=(150, 92, 76))
    draw.rectangle((280, 460, 750, 790), fill=(246, 232, 204))
    draw.rectangle((280, 750, 750, 790), fill=(170, 156, 140))
    draw.polygon([(220, 470), (515, 230), (810, 470)], fill=(184, 74, 56))
    for n in range(1, 6):
        half = 295 * n / 6
        draw.line((515 - half, 230 + 40 * n, 515 + half, 230 + 40 * n), fill=(160, 60, 46), width=5)
    draw.rounded_rectangle((468, 590, 562, 790), 40, fill=(104, 70, 48))
    draw.rectangle((468, 690, 562, 790), fill=(104, 70, 48))
    disc(draw, (544, 704), 8, (232, 196, 96))
    for x in (318, 610):
        window(draw, x, 560)
    draw.rectangle((846, 560, 880, 800), fill=(112, 78, 54))
    for x, y, radius in ((862, 480, 110), (800, 540, 76), (926, 540, 76)):
        disc(draw, (x, y), radius, (72, 128, 66))
    for n in range(9):
        disc(
            draw,
            (60 + n * 30, 890 + 34 * math.sin(n)),
            9,
            (240, 214, 90) if n % 2 else (230, 110, 120),
        )
    return finished(picture)


def shaded(top: Colour, bottom: Colour) -> Image.Image:
    """A background that runs from one colour to another, from top to bottom."""
    mask = Image.linear_gradient("L").resize((BIG, BIG))
    return Image.composite(
        Image.new("RGB", (BIG, BIG), bottom), Image.new("RGB", (BIG, BIG), top), mask
    )


def finished(picture: Image.Image) -> Image.Image:
    """Scale down and lay a little paper grain over it."""
    small = picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    chance = random.Random(3)
    grain = Image.frombytes("L", (SIDE // 2, SIDE // 2), chance.randbytes(SIDE * SIDE // 4))
    soft = grain.resize((SIDE, SIDE)).filter(ImageFilter.GaussianBlur(1)).point(grained)
    return ImageChops.subtract(small, Image.merge("RGB", (soft, soft, soft)))


def grained(level: int) -> int:
    """Brightness of a grain, 0 to 255, as the few levels it takes away."""
    return level // 22


def ridge(chance: random.Random, level: float, height: float) -> Sequence[Point]:
    """A jagged crest from left to right around *level*, at most *height* above it."""
    count = 9
    return [
        (BIG * n / count, level - height * (chance.random() if n % 2 else chance.random() * 0.25))
        for n in range(count + 1)
    ]


def snow(draw: ImageDraw.ImageDraw, crest: Sequence[Point], line: float) -> None:
    """White caps on every summit above *line*."""
    for before, top, after in zip(crest, crest[1:], crest[2:], strict=False):
        if top[1] < line and top[1] < before[1] and top[1] < after[1]:
            left, right = toward(top, before, 0.34), toward(top, after, 0.34)
            middle = ((left[0] + right[0]) / 2, min(left[1], right[1]) - 14)
            draw.polygon([top, left, middle, right], fill=(246, 248, 252))


def toward(start: Point, end: Point, share: float) -> Point:
    """The point that *share* of the way from *start* to *end*."""
    return (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)


def fir(draw: ImageDraw.ImageDraw, x: float, foot: float, height: float) -> None:
    """A fir of three tiers."""
    draw.rectangle((x - 8, foot - 30, x + 8, foot), fill=(88, 64, 48))
    for n in range(3):
        top, wide = foot - height + n * height * 0.24, 28 + 16 * n
        draw.polygon(
            [(x, top), (x - wide, top + height * 0.42), (x + wide, top + height * 0.42)],
            (44, 84, 64),
        )


def cloud(draw: ImageDraw.ImageDraw, x: float, y: float) -> None:
    """Three white discs on a line."""
    for dx, radius in ((-60, 34), (0, 48), (62, 36)):
        disc(draw, (x + dx, y - radius / 3), radius, (250, 252, 254))


def window(draw: ImageDraw.ImageDraw, x: float, y: float) -> None:
    """A window with a white frame and a cross."""
    draw.rectangle((x, y, x + 104, y + 104), fill=(255, 252, 244))
    draw.rectangle((x + 10, y + 10, x + 94, y + 94), fill=(126, 172, 204))
    draw.line((x + 52, y, x + 52, y + 104), fill=(255, 252, 244), width=8)
    draw.line((x, y + 52, x + 104, y + 52), fill=(255, 252, 244), width=8)


def disc(draw: ImageDraw.ImageDraw, at: Point, radius: float, colour: Colour) -> None:
    """A filled circle."""
    draw.ellipse((at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius), fill=colour)


if __name__ == "__main__":
    main()
