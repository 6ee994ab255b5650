"""API keys: how they are made, kept, found again and revoked. Only a digest ever leaves memory.

A key of our own reads `dkr_`, 32 base62 characters, and 6 base62 characters of the CRC-32 of
all before them. The checksum lets a scanner, and us, tell a mistyped key without a look-up.
"""

import hashlib
import zlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from darkroom.domain import durations
from darkroom.domain.errors import InvalidSetting
from darkroom.domain.ids import (
    DEFAULT_POOL,
    OWNER_RULE,
    POOL_RULE,
    Owner,
    base32,
    is_owner,
    is_pool,
)
from darkroom.domain.prediction import Milliseconds
from darkroom.ports.keys import ApiKey, KeyStore
from darkroom.ports.serving import Clock

PREFIX = "dkr_"
ADMIN = Owner("admin")
WORKER = Owner("worker")
"""The owner of every worker's token."""
SHORTEST = 16
"""Characters that a key or token of an operator's choice must have."""

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BODY = 32
_CHECK = 6


class Keys:
    """The keys of one server. `authenticate` reads memory alone; `load` fills it.

    Args:
        store: where digests are kept.
        clock: its wall time decides what has expired.
        entropy: returns that many random bytes.
        changed: called after a key was made or revoked.
    """

    def __init__(
        self,
        store: KeyStore,
        clock: Clock,
        entropy: Callable[[int], bytes],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._changed = changed
        self._changes = 0
        self._by_digest: dict[str, ApiKey] = {}
        self._local: ApiKey | None = None
        self._local_secret = ""

    async def load(self) -> None:
        """Read all keys; call it before the first `authenticate`."""
        await self.list()

    def _note_change(self) -> None:
        self._changes += 1
        self._changed()

    async def create(
        self, owner: str, *, admin: bool, expires_at: Milliseconds | None
    ) -> tuple[ApiKey, str]:
        """Make a key and return it with its secret, which is shown this once.

        Args:
            owner: whose predictions the key reaches; an admin key always acts as `admin`.
            admin: whether it may also administer.
            expires_at: from then on it is refused; None for never.

        Raises:
            InvalidSetting: the name is unfit, kept for admin keys, or the end lies in the past.
        """
        named = _checked_owner(owner, admin=admin)
        self._check_end(expires_at)
        secret = self._mint()
        key = await self._add(secret, named, admin=admin, expires_at=expires_at)
        return key, secret

    async def create_worker(
        self, pool: str, *, expires_at: Milliseconds | None
    ) -> tuple[ApiKey, str]:
        """Make a token for workers of *pool* and return it with its secret, shown this once.

        Raises:
            InvalidSetting: *pool* is no name of one, or the end lies in the past.
        """
        if not is_pool(pool):
            raise InvalidSetting(f"pool: {POOL_RULE}, not {pool[:80]!r}")
        self._check_end(expires_at)
        secret = self._mint()
        key = await self._add(secret, WORKER, admin=False, expires_at=expires_at, pool=pool)
        return key, secret

    async def list(self) -> Sequence[ApiKey]:
        """All keys, revoked and expired ones too, oldest first."""
        while True:
            changes = self._changes
            keys = await self._store.keys()
            if changes == self._changes:  # else what was read may be older than what is known
                break
        self._fill(keys)
        return keys

    def pools(self) -> Collection[str]:
        """Those that workers' tokens open, as far as this server knows."""
        now = self._clock.wall_ms()
        good = (
            key
            for key in self._by_digest.values()
            if key.expires_at is None or key.expires_at > now
        )
        return {key.pool for key in good if key.pool is not None}

    async def revoke(self, key_id: str) -> ApiKey | None:
        """Refuse this key from now on; None if there is no such key."""
        revoked = await self._store.revoke_key(key_id)
        if revoked is not None:
            self._by_digest.pop(revoked.digest, None)
            self._note_change()
        return revoked

    def authenticate(self, token: str) -> ApiKey | None:
        """The key a token belongs to, acting as `admin` if it is an admin key.

        Whoever lets it in looks at its `pool`, too: a worker's token is no key of the API.
        None: unknown, revoked, expired, or one of ours with a wrong checksum.
        """
        if token.startswith(PREFIX) and not well_formed(token):
            return None
        key = self._by_digest.get(digest(token))
        if key is None or (key.expires_at is not None and key.expires_at <= self._clock.wall_ms()):
            return None
        return key

    async def ensure_bootstrap(self, secret: str) -> ApiKey:
        """Make or keep the admin key an operator has chosen.

        Raises:
            InvalidSetting: too short, mistyped, revoked, expired, or not an admin key.
        """
        _check_chosen("bootstrap_key", secret)
        key = await self._kept(secret)
        if key is None:
            return await self._add(secret, ADMIN, admin=True, expires_at=None)
        if not key.admin or self._over(key):
            raise InvalidSetting(
                f"bootstrap_key: the key {key.id} was revoked, has expired or is no admin key; "
                "choose another"
            )
        return key

    async def ensure_worker(self, secret: str) -> ApiKey:
        """Make or keep the token an operator has chosen for workers of the default pool.

        Raises:
            InvalidSetting: too short, mistyped, revoked, expired, or not such a token.
        """
        _check_chosen("worker_token", secret)
        key = await self._kept(secret)
        if key is None:
            return await self._add(secret, WORKER, admin=False, expires_at=None, pool=DEFAULT_POOL)
        if key.pool != DEFAULT_POOL or self._over(key):
            raise InvalidSetting(
                f"worker_token: the key {key.id} was revoked, has expired or is no token of the "
                f"pool `{DEFAULT_POOL}`; choose another"
            )
        return key

    async def first_start(self) -> str | None:
        """The secret of a new admin key if there was no key of the API at all, else None."""
        if any(key.pool is None for key in await self._store.keys()):
            return None
        _, secret = await self.create(ADMIN, admin=True, expires_at=None)
        return secret

    def local_access(self) -> str:
        """A token for the command line on this machine; it lives as long as this object."""
        if self._local is None:
            self._local_secret = self._mint()
            self._local = ApiKey(
                id="local",
                owner=ADMIN,
                digest=digest(self._local_secret),
                hint="",
                admin=True,
                created_at=Milliseconds(self._clock.wall_ms()),
                expires_at=None,
                revoked_at=None,
            )
            self._by_digest[self._local.digest] = self._local
        return self._local_secret

    def expiry(self, text: str) -> Milliseconds:
        """When a key made now ends, from `90s`, `15m`, `12h`, `30d` or a date `2027-01-31`.

        A date, or a date with a time, is UTC unless it names an offset.

        Raises:
            InvalidSetting: *text* is none of these.
        """
        span = durations.milliseconds(text)
        if span is not None:
            return Milliseconds(self._clock.wall_ms() + span)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise InvalidSetting(
                f"expires: {text!r} is neither a span (90s, 15m, 12h, 30d) nor a date (2027-01-31)"
            ) from None
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return Milliseconds(int(aware.timestamp() * 1000))

    def _check_end(self, expires_at: Milliseconds | None) -> None:
        if expires_at is not None and expires_at <= self._clock.wall_ms():
            raise InvalidSetting("the key would have expired already: choose a later --expires")

    async def _add(
        self,
        secret: str,
        owner: Owner,
        *,
        admin: bool,
        expires_at: Milliseconds | None,
        pool: str | None = None,
    ) -> ApiKey:
        key = await self._store.add_key(
            ApiKey(
                id=f"key_{base32(self._entropy(10))}",
                owner=owner,
                digest=digest(secret),
                hint=_hint(secret),
                admin=admin,
                created_at=Milliseconds(self._clock.wall_ms()),
                expires_at=expires_at,
                revoked_at=None,
                pool=pool,
            )
        )
        self._by_digest[key.digest] = _acting(key)
        self._note_change()
        return key

    def _fill(self, keys: Sequence[ApiKey]) -> None:
        table = {key.digest: _acting(key) for key in keys if key.revoked_at is None}
        if self._local is not None:
            table[self._local.digest] = self._local
        self._by_digest = table

    async def _kept(self, secret: str) -> ApiKey | None:
        found = [key for key in await self._store.keys() if key.digest == digest(secret)]
        return found[0] if found else None

    def _over(self, key: ApiKey) -> bool:
        expired = key.expires_at is not None and key.expires_at <= self._clock.wall_ms()
        return expired or key.revoked_at is not None

    def _mint(self) -> str:
        number = int.from_bytes(self._entropy(32))
        text = PREFIX + _base62(number, _BODY)
        return text + _checksum(text)


def digest(token: str) -> str:
    """What is kept of a token: its SHA-256 in hex."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def well_formed(token: str) -> bool:
    """Whether a `dkr_` token has the right length and checksum."""
    whole = len(PREFIX) + _BODY + _CHECK
    return len(token) == whole and token.isascii() and _checksum(token[:-_CHECK]) == token[-_CHECK:]


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), _CHECK)


def _base62(number: int, length: int) -> str:
    letters: list[str] = []
    for _ in range(length):
        number, index = divmod(number, 62)
        letters.append(_BASE62[index])
    return "".join(reversed(letters))


def _hint(secret: str) -> str:
    # Of an operator's own string, perhaps 16 characters short, less may be told.
    return f"{secret[:8] if secret.startswith(PREFIX) else secret[:3]}…"


def _acting(key: ApiKey) -> ApiKey:
    return replace(key, owner=ADMIN) if key.admin else key


def _checked_owner(owner: str, *, admin: bool) -> Owner:
    if not is_owner(owner):
        raise InvalidSetting(f"owner: {owner[:80]!r} {OWNER_RULE}")
    if owner == ADMIN and not admin:
        raise InvalidSetting("owner: `admin` is kept for admin keys; add --admin or choose another")
    if owner == WORKER:
        raise InvalidSetting(
            "owner: `worker` is kept for workers' tokens; choose another, or make a token with "
            "--worker --pool P"
        )
    return Owner(owner)


def _check_chosen(setting: str, secret: str) -> None:
    if len(secret) < SHORTEST:
        raise InvalidSetting(f"{setting}: must be {SHORTEST} characters or longer")
    if secret.startswith(PREFIX) and not well_formed(secret):
        raise InvalidSetting(
            f"{setting}: begins with {PREFIX} but its checksum is wrong; was it cut short?"
        )
