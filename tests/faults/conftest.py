"""Faults of the store are tried on both databases, as the store's own tests are."""

from tests.store import conftest as stores

place = stores.place
postgres_loop = stores.postgres_loop
