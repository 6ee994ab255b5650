"""Every message between server and worker, worker and host, and CLI and server.

Messages are msgspec structs in msgpack, each tagged with its name. A frame is a list of messages:
on a Unix socket behind its length, four bytes big-endian, else a binary message of a WebSocket.
No message names a database, a file path of the server's or a secret.
"""

from collections.abc import Sequence
from typing import Annotated, TypeAlias

import msgspec

from darkroom.domain.model import JsonScalar

PROTOCOL = 3
OLDEST_PROTOCOL = 1
"""Server and worker speak the newest protocol that both know. Fields are only ever added, at the
end and with a default: who does not know one does not see it."""
REMOTE_PROTOCOL = 2
"""The oldest for a worker from elsewhere: the first in which what is told is noted."""
WATCH_PROTOCOL = 3
"""The oldest in which a worker knows `Watch` and `Keep`, and tells `Preview`."""
ALIVE_SECONDS = 1.0
"""How often a host says that it lives."""
MAX_FILES = 64
"""How many files a run may give."""
MAX_FILE_BYTES = 64 * 2**20
"""How large each may be."""
MAX_PREVIEW_SIDE = 96
"""Pixels of the longer side of a preview."""

Number: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""As far as databases count."""
Slots: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=10_000)]

Key: TypeAlias = tuple[str, int]
"""Prediction id and attempt: what every worker's and host's message about a run quotes."""


class Message(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Base of all messages."""


class FieldSpec(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What a worker must know of one input."""

    name: str
    type: str
    default: JsonScalar = None


class VersionSpec(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What a worker and a host must know of a version."""

    id: str
    model: str
    kind: str
    fields: Sequence[FieldSpec]
    output: str
    concurrency: int
    pixels: bool
    config: dict[str, str]


class FileRef(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A file input kept in the file store, and where in the input it belongs.

    `url` is a signed address that gives it, for a worker that cannot open the file store.
    """

    path: list[str | int]
    key: str
    url: str | None = None


class FileFact(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A file a worker has put into the file store."""

    key: str
    name: str
    content_type: str
    size_bytes: int
    sha256: str


class Know(Message, frozen=True):
    """Sent before the first job of a version."""

    version: VersionSpec


class Job(Message, frozen=True):
    """One attempt to run. `input` is the JSON text as the client sent it.

    `puts` are signed addresses for its first output files. It is None where the worker opens the
    file store itself; a list, even if empty, says that every further address is to be asked for.
    """

    id: str
    attempt: int
    version: str
    input: str
    files: list[FileRef]
    puts: list[str] | None = None


class Stop(Message, frozen=True):
    """This attempt is no longer wanted: cancel it, report how it ended."""

    id: str
    attempt: int


class Granted(Message, frozen=True):
    """A signed address for output `index`, for one try; None if there is none to be had now."""

    id: str
    attempt: int
    index: int
    url: str | None = None


class Watch(Message, frozen=True):
    """Somebody looks at this attempt, or nobody does any more: previews are wanted, or not."""

    id: str
    attempt: int
    wanted: bool


class Preview(Message, frozen=True):
    """A small picture of what a run is going to give: raw RGB, 8 bits a channel, rows from the top.

    Shown to whoever watches at that moment, never kept. No side is longer than `MAX_PREVIEW_SIDE`.
    """

    id: str
    attempt: int
    width: int
    height: int
    data: bytes


class Keep(Message, frozen=True):
    """Load this version now, whether or not a run needs it; without `load`, only heed `pinned`.

    `pinned` keeps it loaded until told otherwise: it is never chosen to make room for another.
    """

    version: VersionSpec
    pinned: bool
    load: bool = True


class Drain(Message, frozen=True):
    """Take no more; finish or release what runs within `seconds`, then end."""

    seconds: float


class Welcome(Message, frozen=True):
    """The server's first message; `beat_seconds` apart it wants to hear from the worker.

    `protocol` is the one that both will speak. Of a remote worker, `kept` are those of the attempts
    it said it holds that are still its own; it drops the others without a word.
    """

    protocol: int
    beat_seconds: float
    kept: list[Key] = []


class Hello(Message, frozen=True):
    """A worker's first message: who it is, and how many runs of each kind it takes at once.

    It speaks every protocol from `oldest` to `protocol`. `held` are the attempts that it has not
    ended, or whose end nobody has acknowledged: a worker that comes back goes on with them.
    """

    protocol: int
    worker: str
    incarnation: Number
    token: str
    slots: dict[str, Slots]
    oldest: int = 1
    held: list[Key] = []


class Beat(Message, frozen=True):
    """Still alive; the attempts really held, and the versions that are loaded.

    `loads` tells of each version how many seconds it took to load the last time, `troubles` of
    others why they could not be loaded when that was last tried. `closed` are those of the loaded
    ones that take no new runs until another version has been loaded. A beat comes early when that
    has changed.
    """

    held: list[Key]
    resident: list[str]
    loads: dict[str, float] = {}
    troubles: dict[str, str] = {}
    closed: list[str] = []


class Wants(Message, frozen=True):
    """Asks for a signed address for output `index`; answered by `Granted`."""

    id: str
    attempt: int
    index: int


class Draining(Message, frozen=True):
    """The worker has been told to end: it finishes what it holds and takes no more."""


class Said(Message, frozen=True):
    """More log text of a run."""

    text: str


class Gave(Message, frozen=True):
    """Output `index` of a run: a file already stored, or a JSON text."""

    index: int
    file: FileFact | None = None
    value: str | None = None


class Ended(Message, frozen=True):
    """A run's end; `outcome` is a value of `domain.prediction.Outcome`."""

    outcome: str
    error: str | None
    metrics: str
    run_seconds: float


class Told(Message, frozen=True):
    """All that an attempt has to say since its last such message.

    A remote worker numbers them 1, 2, 3 … for each attempt, keeps each until it is `Noted`, and
    sends it again to whomever it comes back to. 0: not to be acknowledged.
    """

    id: str
    attempt: int
    started: bool
    events: list[Said | Gave]
    ended: Ended | None
    number: int = 0


class Noted(Message, frozen=True):
    """What a remote worker told up to `number` is on disk, or will never be wanted."""

    id: str
    attempt: int
    number: int


class Load(Message, frozen=True):
    """Make this version ready: call setup(). Answered by `Loaded` or `NotLoaded`."""

    version: VersionSpec


class Unload(Message, frozen=True):
    """Drop a version that has no run."""

    version: str


class Bytes(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """A file as it came, its type sniffed from its first bytes."""

    content_type: str
    data: bytes


class Pixels(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """A decoded picture: raw RGB, 8 bits a channel, rows from the top, in a file of its own."""

    path: str
    width: int
    height: int


class Run(Message, frozen=True):
    """Run a loaded version. Defaults are filled in, unknown inputs are gone."""

    id: str
    attempt: int
    version: str
    values: dict[str, JsonScalar]
    files: dict[str, Bytes | Pixels]


class Cancel(Message, frozen=True):
    """Stop this run at the next chance; it still ends with `Over`."""

    id: str
    attempt: int


class Alive(Message, frozen=True):
    """The host's event loop turns: sent at its start and every `ALIVE_SECONDS` from then on."""


class Loaded(Message, frozen=True):
    """The version's runner is set up.

    `weights_bytes` is what it occupies of its device; `budget_bytes` what all loaded versions of
    that host may occupy together. 0: not known, or none.
    """

    version: str
    weights_bytes: Number = 0
    budget_bytes: Number = 0


class NotLoaded(Message, frozen=True):
    """setup() failed; one sentence that says what to do."""

    version: str
    error: str


class Entered(Message, frozen=True):
    """run() has been entered."""

    id: str
    attempt: int


class Logged(Message, frozen=True):
    """Log text of a run, or of the setup of a version (then `id` is the version)."""

    id: str
    attempt: int
    text: str


class Output(Message, frozen=True):
    """Output `index` of a run: a file's bytes under a name, or a JSON text."""

    id: str
    attempt: int
    index: int
    name: str
    content_type: str
    data: bytes
    value: str | None


class Over(Message, frozen=True):
    """A run's end: succeeded, failed or canceled."""

    id: str
    attempt: int
    outcome: str
    error: str | None
    metrics: str
    run_seconds: float


class Ask(Message, frozen=True):
    """A verb of the command line for a running server, with its words as JSON text."""

    verb: str
    words: str


class Answer(Message, frozen=True):
    """What came of it: JSON text, or one sentence on what went wrong."""

    words: str
    problem: str | None


ToWorker: TypeAlias = Welcome | Know | Job | Stop | Granted | Noted | Watch | Keep | Drain | Answer
ToServer: TypeAlias = Hello | Beat | Draining | Told | Wants | Preview | Ask
ToHost: TypeAlias = Load | Unload | Run | Cancel | Watch
FromHost: TypeAlias = Loaded | NotLoaded | Entered | Logged | Output | Preview | Over
