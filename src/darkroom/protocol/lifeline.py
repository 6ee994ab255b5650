"""Parent and child processes: a child that dies with its parent, a parent that hears of an end.

Linux only: `prctl(2)` PR_SET_PDEATHSIG and `pidfd_open(2)`.
"""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

_PR_SET_PDEATHSIG = 1


class ParentGone(Exception):
    """The process that started this one has already ended. End too."""


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when the thread that started it ends.

    Args:
        parent: process id of the parent, if known; tells a parent that died before this call.

    Raises:
        ParentGone: it did.
    """
    if sys.platform != "linux":
        return
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    if parent is not None and os.getppid() != parent:
        raise ParentGone(f"process {parent} has ended")


class Child:
    """A running child process; made inside an event loop.

    Args:
        command: program and arguments.
        environment: all of its environment.
        exited: called once, in the loop, with the exit code, or the negative signal number.
        keep: descriptors it inherits under the same numbers.

    Raises:
        OSError: it does not start; nothing of it is left.

    What the child prints goes to this process's stderr: stdout may have a meaning of its own.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        exited: Callable[[int], None],
        keep: Sequence[int] = (),
    ) -> None:
        self._exited = exited
        self._loop = asyncio.get_running_loop()
        self._process = subprocess.Popen(  # noqa: S603  # the command is our own
            command,
            env=environment,
            pass_fds=keep,
            stdin=subprocess.DEVNULL,
            stdout=_standard_error(),
        )
        try:
            self._handle = os.pidfd_open(self._process.pid)
        except OSError:  # nobody would hear of its end
            self._process.kill()
            self._process.wait()
            raise
        self._loop.add_reader(self._handle, self._over)

    @property
    def pid(self) -> int:
        """Its process id; not used again while this object has not told its end."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether its end has not been told yet."""
        return self._handle >= 0

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens once it has ended."""
        if self.running:
            self._process.send_signal(number)

    def _over(self) -> None:
        self._loop.remove_reader(self._handle)
        os.close(self._handle)
        self._handle = -1
        self._exited(self._process.wait())


def _standard_error() -> int | None:
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError):
        return None


def exit_words(status: int) -> str:
    """Say in brackets-free words how a process ended, as in `signal 9, SIGKILL`."""
    if status >= 0:
        return f"exit code {status}"
    try:
        return f"signal {-status}, {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"


def main() -> None:
    """Become the program that the arguments name; the kernel ends it with the parent they name.

    The first argument is the parent's process id, the rest the program's words: so may any program
    be started that knows nothing of its parent.
    """
    parent, *command = sys.argv[1:]
    try:
        die_with_parent(int(parent))
    except ParentGone:
        return
    os.execvp(command[0], command)  # noqa: S606  # whoever starts this chose the command


if __name__ == "__main__":
    main()
