"""Keys are found by digest, expire, are revoked, and never kept in the clear."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.keys import KeysInMemory

from darkroom.domain.errors import InvalidSetting
from darkroom.domain.prediction import Milliseconds
from darkroom.ports.keys import ApiKey
from darkroom.service.keys import Keys, digest, well_formed

T0 = 1_800_000_000_000


class Clock:
    """Time that moves when told."""

    def __init__(self) -> None:
        self.now = T0

    def wall_ms(self) -> int:
        return self.now

    def monotonic(self) -> float:
        return self.now / 1000


class Counted:
    """Different bytes at every call, the same in every run."""

    def __init__(self) -> None:
        self._calls = count(1)

    def __call__(self, size: int) -> bytes:
        return (next(self._calls) * 0x9E3779B97F4A7C15).to_bytes(32)[-size:]


def make_keys() -> tuple[Keys, KeysInMemory, Clock]:
    store, clock = KeysInMemory(T0), Clock()
    return Keys(store, clock, Counted()), store, clock


async def test_a_new_key_opens_the_door_and_only_its_digest_is_kept() -> None:
    keys, store, _ = make_keys()
    key, secret = await keys.create("alice", admin=False, expires_at=None)
    assert secret.startswith("dkr_")
    assert len(secret) == 42
    found = keys.authenticate(secret)
    assert found is not None
    assert (found.id, found.owner) == (key.id, "alice")
    assert secret not in repr(store.rows)
    assert secret[8:] not in repr(store.rows)


async def test_keys_are_found_again_after_a_restart() -> None:
    keys, store, clock = make_keys()
    _, secret = await keys.create("alice", admin=False, expires_at=None)
    again = Keys(store, clock, Counted())
    assert again.authenticate(secret) is None
    await again.load()
    assert again.authenticate(secret) is not None


async def test_a_revoked_key_is_refused_at_once_and_after_a_restart() -> None:
    keys, store, clock = make_keys()
    key, secret = await keys.create("alice", admin=False, expires_at=None)
    revoked = await keys.revoke(key.id)
    assert revoked is not None
    assert keys.authenticate(secret) is None
    again = Keys(store, clock, Counted())
    await again.load()
    assert again.authenticate(secret) is None


async def test_revoking_an_unknown_key_says_so() -> None:
    keys, _, _ = make_keys()
    assert await keys.revoke("key_nothing") is None


async def test_a_key_is_refused_from_the_moment_it_expires() -> None:
    keys, _, clock = make_keys()
    _, secret = await keys.create("alice", admin=False, expires_at=keys.expiry("90s"))
    clock.now = T0 + 89_999
    assert keys.authenticate(secret) is not None
    clock.now = T0 + 90_000
    assert keys.authenticate(secret) is None


async def test_a_mistyped_key_is_refused_by_its_checksum() -> None:
    keys, store, _ = make_keys()
    _, secret = await keys.create("alice", admin=False, expires_at=None)
    wrong = secret[:10] + ("A" if secret[10] != "A" else "B") + secret[11:]
    assert well_formed(secret)
    assert not well_formed(wrong)
    # Even a table that knows the mistyped text does not let it in.
    store.rows.append(replace(store.rows[0], id="key_forged", digest=digest(wrong)))
    await keys.load()
    assert keys.authenticate(wrong) is None


async def test_admin_keys_act_as_the_owner_named_admin() -> None:
    keys, store, clock = make_keys()
    _, secret = await keys.create("alice", admin=True, expires_at=None)
    again = Keys(store, clock, Counted())
    await again.load()
    for table in (keys, again):
        found = table.authenticate(secret)
        assert found is not None
        assert found.owner == "admin"
        assert found.admin


@pytest.mark.parametrize("owner", ["", "-a", "a-", "a b", "a/b", "é", "a" * 65, "a\n"])
async def test_an_unfit_owner_name_is_refused(owner: str) -> None:
    keys, store, _ = make_keys()
    with pytest.raises(InvalidSetting, match="owner"):
        await keys.create(owner, admin=False, expires_at=None)
    assert store.rows == []


async def test_the_name_admin_is_kept_for_admin_keys() -> None:
    keys, _, _ = make_keys()
    with pytest.raises(InvalidSetting, match="kept for admin keys"):
        await keys.create("admin", admin=False, expires_at=None)


async def test_a_bootstrap_key_is_made_once_and_kept() -> None:
    keys, store, _ = make_keys()
    await keys.ensure_bootstrap("any string of mine")
    await keys.ensure_bootstrap("any string of mine")
    assert len(store.rows) == 1
    found = keys.authenticate("any string of mine")
    assert found is not None
    assert found.admin
    assert "any string" not in repr(store.rows)


@pytest.mark.parametrize("secret", ["fifteen letters", "dkr_mistyped_and_long_enough"])
async def test_an_unusable_bootstrap_key_is_refused(secret: str) -> None:
    keys, store, _ = make_keys()
    with pytest.raises(InvalidSetting, match="bootstrap_key"):
        await keys.ensure_bootstrap(secret)
    assert store.rows == []


async def test_a_revoked_bootstrap_key_does_not_come_back() -> None:
    keys, _, _ = make_keys()
    key = await keys.ensure_bootstrap("any string of mine")
    await keys.revoke(key.id)
    with pytest.raises(InvalidSetting, match="revoked"):
        await keys.ensure_bootstrap("any string of mine")


async def test_a_workers_token_of_ones_own_is_made_once_and_opens_the_default_pool() -> None:
    keys, store, _ = make_keys()
    await keys.ensure_worker("any string of mine")
    await keys.ensure_worker("any string of mine")
    assert len(store.rows) == 1
    found = keys.authenticate("any string of mine")
    assert found is not None
    assert (found.pool, found.owner, found.admin) == ("default", "worker", False)


@pytest.mark.parametrize("secret", ["fifteen letters", "dkr_mistyped_and_long_enough"])
async def test_an_unusable_workers_token_is_refused(secret: str) -> None:
    keys, store, _ = make_keys()
    with pytest.raises(InvalidSetting, match="worker_token"):
        await keys.ensure_worker(secret)
    assert store.rows == []


async def test_a_workers_token_is_refused_where_it_was_revoked_or_is_something_else() -> None:
    keys, _, _ = make_keys()
    key = await keys.ensure_worker("any string of mine")
    await keys.revoke(key.id)
    await keys.ensure_bootstrap("the key of an admin")
    _, large = await keys.create_worker("large", expires_at=None)
    for secret in ("any string of mine", "the key of an admin", large):
        with pytest.raises(InvalidSetting, match="worker_token"):
            await keys.ensure_worker(secret)


async def test_a_workers_token_does_not_keep_the_first_admin_key_from_being_made() -> None:
    keys, _, _ = make_keys()
    await keys.ensure_worker("any string of mine")
    assert await keys.first_start() is not None
    assert await keys.first_start() is None


async def test_the_first_start_makes_an_admin_key_and_later_starts_none() -> None:
    keys, store, clock = make_keys()
    secret = await keys.first_start()
    assert secret is not None
    found = keys.authenticate(secret)
    assert found is not None
    assert found.admin
    assert await Keys(store, clock, Counted()).first_start() is None


async def test_a_key_revoked_while_all_are_read_stays_revoked() -> None:
    class Slow(KeysInMemory):
        read = asyncio.Event()
        go_on = asyncio.Event()

        async def keys(self) -> Sequence[ApiKey]:
            found = await super().keys()
            self.read.set()
            await self.go_on.wait()
            return found

    store = Slow(T0)
    keys = Keys(store, Clock(), Counted())
    key, secret = await keys.create("alice", admin=False, expires_at=None)
    listing = asyncio.create_task(keys.list())
    await store.read.wait()
    await keys.revoke(key.id)
    store.go_on.set()
    [listed] = await listing

    assert listed.revoked_at is not None
    assert keys.authenticate(secret) is None


async def test_local_access_is_an_admin_key_that_is_never_stored() -> None:
    keys, store, _ = make_keys()
    token = keys.local_access()
    assert keys.local_access() == token
    await keys.load()
    found = keys.authenticate(token)
    assert found is not None
    assert found.admin
    assert store.rows == []


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("15m", T0 + 900_000),
        ("12h", T0 + 43_200_000),
        ("30d", T0 + 30 * 86_400_000),
        ("2027-01-31", 1_801_353_600_000),
        ("2027-01-31T01:00:00+01:00", 1_801_353_600_000),
    ],
)
def test_an_end_is_a_span_or_a_date(text: str, moment: int) -> None:
    keys, _, _ = make_keys()
    assert keys.expiry(text) == moment


@pytest.mark.parametrize("text", ["", "0s", "soon", "30 d", "-1d", "1w"])
def test_anything_else_is_no_end(text: str) -> None:
    keys, _, _ = make_keys()
    with pytest.raises(InvalidSetting, match="expires"):
        keys.expiry(text)


async def test_a_key_cannot_be_made_with_an_end_in_the_past() -> None:
    keys, _, _ = make_keys()
    with pytest.raises(InvalidSetting, match="expired already"):
        await keys.create("alice", admin=False, expires_at=Milliseconds(T0))


@given(st.text(max_size=60))
def test_any_text_can_be_offered_as_a_token(text: str) -> None:
    keys, _, _ = make_keys()
    assert keys.authenticate(text) is None
    assert keys.authenticate("dkr_" + text) is None


async def test_a_workers_token_belongs_to_a_pool_and_is_kept_so() -> None:
    keys, store, clock = make_keys()
    made, secret = await keys.create_worker("gpu-24", expires_at=None)
    again = Keys(store, clock, Counted())
    await again.load()

    for table in (keys, again):
        found = table.authenticate(secret)
        assert found is not None
        assert (found.id, found.owner, found.admin, found.pool) == (
            made.id, "worker", False, "gpu-24")  # fmt: skip


async def test_a_workers_token_ends_and_is_revoked_as_any_key() -> None:
    keys, _, clock = make_keys()
    _, short = await keys.create_worker("default", expires_at=keys.expiry("90s"))
    made, other = await keys.create_worker("default", expires_at=None)
    clock.now += 90_000
    await keys.revoke(made.id)

    assert keys.authenticate(short) is None
    assert keys.authenticate(other) is None


@pytest.mark.parametrize("pool", ["", "GPU", "-a", "a-", "a b", "a" * 41, "ä"])
async def test_a_pool_has_a_plain_name(pool: str) -> None:
    keys, _, _ = make_keys()
    with pytest.raises(InvalidSetting, match="pool: must be 1 to 40"):
        await keys.create_worker(pool, expires_at=None)


async def test_the_owner_of_workers_tokens_has_no_keys_of_the_api() -> None:
    keys, _, _ = make_keys()
    for admin in (False, True):
        with pytest.raises(InvalidSetting, match="kept for workers' tokens"):
            await keys.create("worker", admin=admin, expires_at=None)


async def test_a_workers_token_that_would_have_ended_is_not_made() -> None:
    keys, _, _ = make_keys()
    with pytest.raises(InvalidSetting, match="later --expires"):
        await keys.create_worker("default", expires_at=Milliseconds(1))


async def test_a_token_names_its_pool_until_it_is_revoked_or_has_expired() -> None:
    keys, _, clock = make_keys()
    await keys.create("alice", admin=False, expires_at=None)
    token, _ = await keys.create_worker("large", expires_at=None)
    await keys.create_worker("brief", expires_at=Milliseconds(T0 + 1000))
    assert keys.pools() == {"large", "brief"}
    clock.now = T0 + 1000
    assert keys.pools() == {"large"}
    await keys.revoke(token.id)
    assert keys.pools() == set()
