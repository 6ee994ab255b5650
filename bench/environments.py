"""An environment of its own for every peer, under build/peers, made at first use and kept."""

import subprocess
import venv
from collections.abc import Sequence
from pathlib import Path

PEERS = Path("build/peers")

LITSERVE = ("litserve==0.2.19",)
COG = ("cog==0.23.1",)


def provide(name: str, requirements: Sequence[str]) -> Path:
    """The `bin` folder of the environment *name*, installed if it is not there or differs."""
    folder = (PEERS / name).absolute()
    note = folder / "installed.txt"
    wanted = "\n".join(requirements)
    if not note.exists() or note.read_text() != wanted:
        print(f"installing {' '.join(requirements)} into {PEERS / name} …", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        pip = (str(folder / "bin" / "python"), "-m", "pip", "install", "-qq")
        subprocess.run((*pip, *requirements), check=True)
        note.write_text(wanted)
    return folder / "bin"
