"""What a worker must be told, and what it is given to work with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from darkroom.ports.buckets import SignedFiles
from darkroom.ports.files import Blobs, Fetcher
from darkroom.ports.running import PictureDecoder, WeightsSource
from darkroom.worker.lines import Connector


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One worker's identity and limits; spans in seconds.

    Args:
        name: what the placer calls it.
        incarnation: which of its lives this is; larger than that of any before.
        connector: the way to its server.
        slots: how many runs of each kind it takes at once.
        run_folder: a directory of its own for files of running predictions.
        host_command: program and arguments of a host, without descriptor and parent.
        host_environment: all of a host's environment.
        resident_models: how many versions with weights may be loaded; 0 is as many as fit.
        load_patience: how long a version waits for room before those in its way take no new runs.
        host_silence: after which a host that gives no sign of life is killed.
        put_retries: how long to wait after each failure to store an output.
    """

    name: str
    incarnation: int
    connector: Connector
    slots: Mapping[str, int]
    run_folder: Path
    host_command: Sequence[str]
    host_environment: Mapping[str, str]
    resident_models: int
    fetch_limit_bytes: int
    setup_limit: float
    run_limit: float
    cancel_grace: float
    drain: float
    host_silence: float
    load_patience: float = 10.0
    put_retries: Sequence[float] = (0.1, 0.5, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The adapters a worker works with."""

    blobs: Blobs
    signed: SignedFiles
    fetcher: Fetcher
    decoder: PictureDecoder
    weights: WeightsSource
