"""What a child can no longer do once it has given up what it does not need."""

import subprocess
import sys

import pytest

BEGIN = """
import os, socket
from darkroom.imaging.decoder import restrict
restrict(1000, 2**30, 10)
picture, pixels = os.dup(0), os.dup(0)
"""


@pytest.mark.parametrize(
    ("attempt", "fault"),
    [
        ("open('/etc/hosts')", "Too many open files"),
        ("open('/tmp/written', 'w')", "Too many open files"),
        ("socket.socket()", "Too many open files"),
        ("bytearray(2**30)", "MemoryError"),
        ("os.close(pixels); f = os.memfd_create('x'); os.pwrite(f, b'x', 3001)", "File too large"),
    ],
)
def test_a_child_cannot_reach_further_than_its_two_files(attempt: str, fault: str) -> None:
    words = [sys.executable, "-I", "-c", BEGIN + attempt]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert fault in ended.stderr
    assert ended.returncode == 1


def test_the_parent_does_not_load_pillow() -> None:
    code = "import sys, darkroom.imaging.pool; sys.exit('PIL' in sys.modules)"
    subprocess.run([sys.executable, "-I", "-c", code], check=True)
