"""Whether there is a token for Ray, looked for where Ray looks.

Ray ends a process that is to have a token and finds none, so nothing could be told by it.
Source: Ray's documentation of token authentication.
"""

from collections.abc import Mapping
from pathlib import Path

from darkroom.domain.errors import InvalidSetting

_WAYS = (
    "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH to the file with the cluster's token here, as "
    "on its nodes before `ray start`; or add --allow-open-cluster if the cluster asks for none and "
    "nobody else can reach it"
)


def check_token(environment: Mapping[str, str]) -> None:
    """See that a process with *environment* has a token if it is to have one.

    Raises:
        InvalidSetting: it has none; says what to set.
    """
    if environment.get("RAY_AUTH_MODE") != "token" or environment.get("RAY_AUTH_TOKEN"):
        return
    named = environment.get("RAY_AUTH_TOKEN_PATH")
    home = environment.get("HOME")
    if named:
        path = Path(named)
    elif home:
        path = Path(home) / ".ray" / "auth_token"
    else:
        raise InvalidSetting(f"there is no token for the Ray cluster: {_WAYS}")
    try:
        found = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(
            f"there is no token for the Ray cluster: {path} cannot be read "
            f"({getattr(error, 'strerror', None) or 'it is no text'}); {_WAYS}"
        ) from error
    if not found:
        raise InvalidSetting(f"there is no token for the Ray cluster: {path} is empty; {_WAYS}")
