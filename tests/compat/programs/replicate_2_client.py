"""How PyPI `replicate` 2.x is pointed at a server, and how it tells a refusal."""
# Checked against 1.x, which has the same name.
# pyright: basic, reportAttributeAccessIssue=false

from collections.abc import Callable

from replicate import APIStatusError, Replicate
from steps import TEXT, Facts, Place

OWNER, NAME = TEXT.split("/")


def client(place: Place, base_url: str = "", key: str = "") -> Replicate:
    return Replicate(bearer_token=key or place.key, base_url=base_url or f"{place.url}/v1")


def refusal(call: Callable[[], object]) -> Facts:
    """The problem that *call* meets."""
    try:
        call()
    except APIStatusError as error:
        problem = error.body
        return {
            "status": error.status_code,
            "title": problem.get("title"),
            "detail": problem.get("detail"),
        }
    raise AssertionError("this should have been refused")


def latest(ours: Replicate) -> str:
    """The one version of the text model."""
    return ours.models.get(model_owner=OWNER, model_name=NAME).latest_version.id
