"""A picture becomes half blocks that fit the terminal, and is redrawn where it stands."""

import re

import pytest
from tests.cli.test_follow import BAR, Screen

from darkroom.cli.blocks import Picture, half_blocks, shows_colours
from darkroom.cli.progress import Progress

RED, BLUE = bytes([255, 0, 0]), bytes([0, 0, 255])
SQUARE = Picture(width=4, height=4, rgb=RED * 16)


def test_two_pixels_make_one_character() -> None:
    two = Picture(width=1, height=2, rgb=RED + BLUE)
    assert half_blocks(two, columns=40, lines=20) == [
        "\x1b[38;2;255;0;0m\x1b[48;2;0;0;255m▀\x1b[0m"
    ]


def test_the_last_line_of_an_odd_height_has_no_lower_half() -> None:
    three = Picture(width=1, height=3, rgb=RED * 2 + BLUE)
    last = half_blocks(three, columns=40, lines=20)[-1]
    assert last == "\x1b[38;2;0;0;255m▀\x1b[0m"


@pytest.mark.parametrize(
    ("width", "height", "columns", "lines"),
    [(96, 96, 40, 20), (96, 54, 40, 11), (30, 96, 12, 20), (1, 96, 1, 20), (96, 1, 40, 1)],
)
def test_a_picture_keeps_its_shape_and_fits(
    width: int, height: int, columns: int, lines: int
) -> None:
    picture = Picture(width=width, height=height, rgb=RED * (width * height))
    drawn = half_blocks(picture, columns=40, lines=20)
    assert len(drawn) == lines
    assert {line.count("▀") for line in drawn} == {columns}
    assert set(re.findall(r"\x1b\[[34]8;2;([0-9;]+)m", "".join(drawn))) == {"255;0;0"}


def test_a_pixel_is_the_mean_of_those_it_stands_for() -> None:
    mixed = Picture(width=2, height=2, rgb=(RED + BLUE) * 2)
    assert half_blocks(mixed, columns=1, lines=1) == ["\x1b[38;2;127;0;127m▀\x1b[0m"]


@pytest.mark.parametrize(("told", "can"), [("truecolor", True), ("24bit", True), ("", False)])
def test_a_terminal_must_say_that_it_knows_colours(told: str, can: bool) -> None:  # noqa: FBT001
    assert shows_colours({"COLORTERM": told}) is can


def test_a_picture_stands_above_the_bar_and_is_redrawn_in_place() -> None:
    screen = Screen()
    progress = Progress(screen)
    progress.take(BAR)
    progress.show(SQUARE)
    before = len(screen.getvalue())
    progress.show(SQUARE)
    drawn = screen.getvalue()[before:]
    assert drawn.startswith("\r\x1b[2A\x1b[J\x1b[38;2;255;0;0m")
    assert drawn.count("\n") == 2
    assert "48% 12/25" in drawn.splitlines()[-1]


def test_what_is_said_stays_above_the_picture() -> None:
    screen = Screen()
    progress = Progress(screen)
    progress.show(SQUARE)
    before = len(screen.getvalue())
    progress.take("Using seed: 7\n")
    assert screen.getvalue()[before:].startswith("\r\x1b[2A\x1b[JUsing seed: 7\n\x1b[38;2;")


def test_the_picture_is_taken_away_at_the_end_and_none_comes_later() -> None:
    screen = Screen()
    progress = Progress(screen)
    progress.take(BAR)
    progress.show(SQUARE)
    progress.close()
    ended = screen.getvalue()
    progress.show(SQUARE)
    assert ended.rpartition("\x1b[J")[2].startswith("██")
    assert ended.endswith("12/25\n")
    assert screen.getvalue() == ended
