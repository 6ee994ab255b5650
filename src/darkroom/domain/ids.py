"""Identifier types, how ids are minted, and `owner/name[:version]` texts.

A prediction id is 26 characters of lower-case Crockford base32 over a UUIDv7 in time order:
16 bytes, most significant first, two zero bits of padding in the last character. Ids
therefore sort by creation to the millisecond.

Source: replicate.com's own ids have the same alphabet and length.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NewType

from darkroom.domain.errors import InvalidIdentifier

PredictionId = NewType("PredictionId", str)
VersionId = NewType("VersionId", str)
Owner = NewType("Owner", str)
WorkerId = NewType("WorkerId", str)
ServerId = NewType("ServerId", str)

DEFAULT_POOL = "default"
"""The pool of workers where a model runs that names none."""
POOL_RULE = "must be 1 to 40 lower-case letters, digits or dashes, with no dash at either end"
LOCAL_WORKERS = "local-"
"""How the names of workers begin that a server starts itself, and of no others."""
WORKER_RULE = "must be 1 to 100 printable characters, no slash, and not begin with local-"
OWNER_RULE = (
    "must be 1 to 64 letters, digits, dots, dashes or underscores, "
    "with a letter or digit at both ends"
)
_OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_MOST_NAME = 100
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TO_PYTHON = str.maketrans(ALPHABET, "0123456789abcdefghijklmnopqrstuv")  # int(…, 32) reads these
_LETTERS_GONE = dict.fromkeys(map(ord, ALPHABET))
_PREDICTION_ID = re.compile(r"[a-z0-9]{26}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_VERSION = re.compile(r"[0-9a-f]{64}")
_POOL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_ID_BITS_BELOW_MS = 80
_LAST_MS = (1 << 48) - 1  # an id has no room for later ones
_PAIRS = tuple(a + b for a in ALPHABET for b in ALPHABET)


def is_pool(text: str) -> bool:
    """Whether *text* may name a pool of workers."""
    return _POOL.fullmatch(text) is not None


def is_owner(text: str) -> bool:
    """Whether an owner of keys may be called *text*."""
    return _OWNER.fullmatch(text) is not None


def is_worker(text: str) -> bool:
    """Whether a worker from elsewhere may be called *text*."""
    fit = 0 < len(text) <= _MOST_NAME and text.isprintable() and "/" not in text
    return fit and not text.startswith(LOCAL_WORKERS)


def worker_id(pool: str, name: str) -> WorkerId:
    """What a worker from elsewhere is known by, so that two pools may have one of the same name."""
    return WorkerId(name if pool == DEFAULT_POOL else f"{pool}/{name}")


def worker_name(known: str) -> str:
    """What a worker calls itself; see `worker_id`."""
    return known.rpartition("/")[2]


def base32(data: bytes) -> str:
    """Spell *data* in lower-case Crockford base32, padded with zero bits to whole characters."""
    bits = len(data) * 8
    pairs = -(-bits // 10)
    number = int.from_bytes(data) << (pairs * 10 - bits)
    shifts = range(pairs * 10 - 10, -1, -10)
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in shifts])[: -(-bits // 5)]


def unbase32(text: str) -> bytes | None:
    """Read back what `base32` wrote; None if *text* is anything else."""
    if not text or text.translate(_LETTERS_GONE):
        return None
    number = int(text.translate(_TO_PYTHON), 32)
    size, spare = divmod(len(text) * 5, 8)
    if number & ((1 << spare) - 1):
        return None
    return (number >> spare).to_bytes(size)


class Minter:
    """Makes prediction ids that sort in the order they were made, also within a millisecond.

    Args:
        milliseconds: tells Unix time; may jump back, the ids do not.
        entropy: returns that many random bytes.
    """

    def __init__(self, milliseconds: Callable[[], int], entropy: Callable[[int], bytes]) -> None:
        self._milliseconds = milliseconds
        self._entropy = entropy
        self._tick = 0

    def mint(self) -> PredictionId:
        """Make the next id; its last 62 bits are random, whatever came before."""
        # Within one millisecond the 12 bits beside the version count upwards (RFC 9562, 6.2); when
        # they are used up, or the clock steps back, the last millisecond goes on by one.
        self._tick = max(self._milliseconds() << 12, self._tick + 1)
        moment, count = self._tick >> 12, self._tick & 0xFFF
        random = int.from_bytes(self._entropy(8)) & (1 << 62) - 1
        number = moment << 80 | 7 << 76 | count << 64 | 2 << 62 | random
        return PredictionId(base32(number.to_bytes(16)))


def first_id(wall_ms: int) -> PredictionId:
    """An id below all that were minted at that time or later, and above all earlier ones."""
    moment = min(max(wall_ms, 0), _LAST_MS)
    return PredictionId(base32((moment << _ID_BITS_BELOW_MS).to_bytes(16)))


def is_prediction_id(text: str) -> bool:
    """Whether *text* could be an id; old clients hold ids in another base32 alphabet."""
    return _PREDICTION_ID.fullmatch(text) is not None


def is_version(text: str) -> bool:
    """Whether *text* is the 64 digits of a version."""
    return _VERSION.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether *text* could be a name or an owner of `owner/name`."""
    return _NAME.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """The text `owner/name` or `owner/name:version`, taken apart."""

    owner: str
    name: str
    version: VersionId | None = None

    @property
    def model(self) -> str:
        """The model's part, `owner/name`."""
        return f"{self.owner}/{self.name}"


def parse_identifier(text: str) -> Identifier:
    """Take `owner/name` or `owner/name:version` apart.

    Raises:
        InvalidIdentifier: it is neither; `:latest` and short hashes are refused too.
    """
    path, colon, version = text.partition(":")
    owner, slash, name = path.partition("/")
    named = slash and _NAME.fullmatch(owner) and _NAME.fullmatch(name)
    if not named or (colon and not _VERSION.fullmatch(version)):
        raise InvalidIdentifier(
            f"{text[:200]!r} is neither owner/name nor owner/name:version; a version is 64 "
            "hexadecimal digits in lower case"
        )
    return Identifier(owner=owner, name=name, version=VersionId(version) if colon else None)
