"""Answers read as the vendor's Python client reads them; it leaves much untyped."""

from typing import Any, cast


def parse(into: type, data: object) -> Any:  # noqa: ANN401  # the client's classes tell no types
    """*data* as the client's class *into*, refused where the client would refuse it."""
    return cast("type[Any]", into).parse_obj(data)
