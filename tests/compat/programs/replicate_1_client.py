"""How PyPI `replicate` 1.x is pointed at a server, and how it tells a refusal."""

from collections.abc import Callable

from replicate.client import Client
from replicate.exceptions import ReplicateError
from steps import Facts, Place


def client(place: Place, base_url: str = "", key: str = "") -> Client:
    return Client(api_token=key or place.key, base_url=base_url or place.url)


def refusal(call: Callable[[], object]) -> Facts:
    """The problem that *call* meets."""
    try:
        call()
    except ReplicateError as error:
        return {"status": error.status, "title": error.title, "detail": error.detail}
    raise AssertionError("this should have been refused")
