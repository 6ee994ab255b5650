"""What this machine has to run on, as the kernel tells it; no driver library is loaded."""

import re
from collections.abc import Sequence
from pathlib import Path

from darkroom.domain.model import Hardware

GPUS = Path("/proc/driver/nvidia/gpus")
CPU = Hardware(sku="cpu", name="CPU")
_MODEL = re.compile(r"^Model:\s*(?P<name>\S.*?)\s*$", re.MULTILINE)
_NOT_IN_A_SKU = re.compile(r"[^a-z0-9]+")
_MAKER = "nvidia "


def installed(folder: Path = GPUS) -> Sequence[Hardware]:
    """The processor, then one for every model of GPU that is found.

    Args:
        folder: where the driver keeps a directory for each GPU, with a file `information`.
    """
    names = [name for path in sorted(folder.glob("*/information")) if (name := _name(path))]
    found = {_sku(name): name for name in names}
    several = {sku: names.count(name) for sku, name in found.items()}
    gpus = [
        Hardware(sku=sku, name=name if several[sku] == 1 else f"{name} ({several[sku]} of them)")
        for sku, name in found.items()
    ]
    return [CPU, *gpus]


def _name(path: Path) -> str | None:
    try:
        found = _MODEL.search(path.read_text("utf-8", "replace"))
    except OSError:
        return None
    return found["name"] if found else None


def _sku(name: str) -> str:
    short = name.lower().removeprefix(_MAKER)
    return f"gpu-{_NOT_IN_A_SKU.sub('-', short).strip('-')}"
