"""Where output files of a job go: into the file store, or to addresses that the server signs."""

from collections.abc import Callable

from darkroom.protocol.messages import Granted, Job, Output, Wants
from darkroom.worker.options import Options, Tools
from darkroom.worker.outputs import Outputs, Settled
from darkroom.worker.remote import Remote


class FileWays:
    """Both ways of one worker; a job says which is its own.

    Args:
        options: how patient to be.
        tools: the file store, and what uses addresses.
        send: asks the server for an address.
    """

    def __init__(self, options: Options, tools: Tools, send: Callable[[Wants], None]) -> None:
        self.remote = Remote(tools.signed, send, retry_seconds=options.put_retries)
        """The way by addresses, which files of inputs come too."""
        self._near = Outputs(tools.blobs, options.put_retries)
        self._far = Outputs(self.remote, options.put_retries)

    def begin(self, job: Job) -> None:
        """Remember the addresses that came with *job*."""
        if job.puts is not None:
            self.remote.begin(job)

    def end(self, job: Job) -> None:
        """Forget those it did not need."""
        if job.puts is not None:
            self.remote.end(job)

    def store(self, job: Job, output: Output, settled: Settled) -> None:
        """Begin to store an output of *job*; see `Outputs.store`."""
        way = self._near if job.puts is None else self._far
        way.store(output, settled)

    def granted(self, granted: Granted) -> None:
        """Take an address that was asked for."""
        self.remote.granted(granted)

    def disconnected(self) -> None:
        """The line to the server is gone: what must ask it waits for another one."""
        self.remote.disconnected()

    def connected(self) -> None:
        """There is a line again."""
        self.remote.connected()

    def close(self) -> None:
        """Give up what is not stored yet, without a word."""
        self._near.close()
        self._far.close()
