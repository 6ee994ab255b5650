import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.domain.families import Family
from darkroom.engine.tiny import tiny_weights, write_tiny


def _contents(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@pytest.mark.parametrize("family", Family)
def test_the_same_weights_come_out_every_time(
    family: Family, tiny: dict[Family, Path], tmp_path: Path
) -> None:
    write_tiny(family, tmp_path / "again")
    assert _contents(tmp_path / "again") == _contents(tiny[family])


def test_weights_that_are_there_are_used_again(tmp_path: Path) -> None:
    folder = tiny_weights(Family.FLUX2_KLEIN, tmp_path)
    (folder / "mark").touch()
    assert (tiny_weights(Family.FLUX2_KLEIN, tmp_path) / "mark").exists()


def test_nothing_half_made_is_left_behind(tmp_path: Path) -> None:
    folder = tiny_weights(Family.FLUX_KONTEXT, tmp_path)
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.slow
def test_two_processes_may_make_the_same_weights(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from darkroom.domain.families import Family;"
        "from darkroom.engine.tiny import tiny_weights;"
        "print(tiny_weights(Family.FLUX2_KLEIN, Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate()[0].strip() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert told[0] == told[1]
    assert [str(one) for one in tmp_path.iterdir()] == [told[0]]


def test_torchvision_is_not_installed() -> None:
    """A wheel that does not match torch breaks the import of every pipeline."""
    assert importlib.util.find_spec("torchvision") is None
