"""Versions as a worker or a host is told of them."""

import msgspec

from darkroom.protocol.messages import VersionSpec

_PLAIN = VersionSpec(
    id="0" * 64,
    model="acme/portraits",
    kind="diffusers",
    fields=[],
    output="files",
    concurrency=1,
    pixels=True,
    config={},
)


def make_spec(**changes: object) -> VersionSpec:
    """A complete version with *changes*."""
    return msgspec.structs.replace(_PLAIN, **changes)
