"""The batch file for Slurm: a shell takes it, it runs what it should and leaves time to end."""

import os
import re
import stat
import subprocess
from pathlib import Path

from tests.support.deployment import ROOT

from darkroom.settings import Settings

BATCH = ROOT / "deploy" / "slurm" / "darkroom-worker.sbatch"
PROGRAM = "/opt/darkroom/bin/darkroom"


def test_it_starts_a_worker_with_its_token_and_a_directory_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "darkroom-worker.env").write_text("DARKROOM_URL=http://s\nDARKROOM_TOKEN=t\n")
    srun = tmp_path / "srun"
    srun.write_text('#!/bin/sh\necho "$@" "$DARKROOM_URL" "$DARKROOM_TOKEN" "$DARKROOM_DATA_DIR"\n')
    srun.chmod(srun.stat().st_mode | stat.S_IXUSR)
    done = subprocess.run(
        ["/bin/sh", str(BATCH)],
        env={
            "HOME": str(tmp_path),
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "SLURM_ARRAY_TASK_ID": "3",
        },
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == [
        *(PROGRAM, "worker", "http://s", "t", f"{tmp_path}/darkroom-worker-3")
    ]


def test_it_is_told_to_end_before_its_time_is_over() -> None:
    (found,) = re.findall(r"^#SBATCH --signal=TERM@(\d+)$", BATCH.read_text("utf-8"), re.MULTILINE)

    assert float(found) > float(str(Settings.model_fields["drain_seconds"].default))
