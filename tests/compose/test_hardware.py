"""Hardware is read from what the driver shows of each GPU."""

from pathlib import Path

from darkroom.compose.hardware import CPU, installed

INFORMATION = "Model: \t\t {name}\nIRQ:   \t\t 27\nGPU UUID: \t GPU-0\nVideo BIOS: \t ??\n"


def gpu(folder: Path, bus: str, name: str) -> None:
    place = folder / bus
    place.mkdir(parents=True)
    (place / "information").write_text(INFORMATION.format(name=name))


def test_without_a_gpu_there_is_the_processor(tmp_path: Path) -> None:
    assert installed(tmp_path / "absent") == [CPU]


def test_each_model_of_gpu_is_one_sku(tmp_path: Path) -> None:
    gpu(tmp_path, "0000:01:00.0", "NVIDIA H200")
    gpu(tmp_path, "0000:02:00.0", "NVIDIA A100-SXM4-80GB")
    gpu(tmp_path, "0000:03:00.0", "NVIDIA H200")

    assert [(one.sku, one.name) for one in installed(tmp_path)] == [
        ("cpu", "CPU"),
        ("gpu-h200", "NVIDIA H200 (2 of them)"),
        ("gpu-a100-sxm4-80gb", "NVIDIA A100-SXM4-80GB"),
    ]


def test_a_file_that_tells_no_model_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "information").write_text("nothing of use\n")
    (tmp_path / "1" / "information").mkdir(parents=True)
    assert installed(tmp_path) == [CPU]
