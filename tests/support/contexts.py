"""The context of a run, and what it sends."""

from darkroom.protocol.messages import Bytes, FromHost, Pixels, Run
from darkroom.runners.context import Context


def make_context(sent: list[FromHost], **given: "str | int | Bytes | Pixels") -> Context:
    """A context whose messages gather in *sent*; made inside an event loop."""
    values = {name: value for name, value in given.items() if isinstance(value, str | int)}
    files = {name: value for name, value in given.items() if isinstance(value, Bytes | Pixels)}
    run = Run("p1", 1, "v", {**values}, files)
    return Context(run, lambda message, _: sent.append(message))
