"""What a server's processes have used, read from /proc: CPU time and memory."""

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
MB = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stat:
    pid: int
    parent: int
    session: int
    ticks: int


def family(root: int) -> list[int]:
    """*root*, all that descend from it, and all of its session (children left by their parent)."""
    return sorted(stat.pid for stat in _family(root))


def cpu_seconds(root: int) -> float:
    """User and system time of the family so far, children that have ended included."""
    return sum(stat.ticks for stat in _family(root)) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Resident memory of one process, shared pages included."""
    return _kilobytes(PROC / str(pid) / "status", "VmRSS:") * 1024 / MB


def peak_mb(pid: int) -> float:
    """The most resident memory that one process has had so far, shared pages included."""
    return _kilobytes(PROC / str(pid) / "status", "VmHWM:") * 1024 / MB


def memory_mb(root: int) -> float:
    """Memory of the family, each shared page counted once over its sharers."""
    kilobytes = sum(_kilobytes(PROC / str(pid) / "smaps_rollup", "Pss:") for pid in family(root))
    return kilobytes * 1024 / MB


def name(pid: int) -> str:
    """The command line of *pid*, empty once it has ended."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


def _family(root: int) -> list[_Stat]:
    stats = [stat for path in PROC.iterdir() if path.name.isdigit() and (stat := _stat(path))]
    members = {root}
    grew = True
    while grew:
        more = {stat.pid for stat in stats if stat.parent in members or stat.session == root}
        grew = not more <= members
        members |= more
    return [stat for stat in stats if stat.pid in members]


def _stat(path: Path) -> _Stat | None:
    try:
        text = (path / "stat").read_text()
    except OSError:
        return None
    # The second field is the command in parentheses and may hold blanks: read from its end.
    fields = text[text.rindex(")") + 2 :].split()
    return _Stat(
        pid=int(path.name),
        parent=int(fields[1]),
        session=int(fields[3]),
        ticks=sum(int(ticks) for ticks in fields[11:15]),
    )


def _kilobytes(path: Path, label: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(label)), 0)
