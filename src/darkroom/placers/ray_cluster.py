"""A Ray cluster as the driver sees it: keepers by name. The only module that imports Ray.

It starts nothing of Ray's own: it joins a cluster through the node that this process runs on.

Sources: Ray's documentation of named and detached actors and of token authentication.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, cast

import ray
import ray._raylet
from ray.exceptions import AuthenticationError, RayActorError

from darkroom.placers.ray_keeper import Keeper, Place, Pulse
from darkroom.placers.ray_talk import Wanted

_AT_ONCE = 4
"""Calls that a keeper answers at once: it tells how it is while it drains."""


class _Ref(Protocol):
    """What a call will have returned."""


class _Method(Protocol):
    def remote(self, *args: object) -> _Ref: ...


class _Handle(Protocol):
    """A keeper, wherever it runs."""

    ping: _Method
    drain: _Method


class _Actor(Protocol):
    def options(self, **how: object) -> "_Actor": ...
    def remote(self, place: Place) -> _Handle: ...


class _GcsClient(Protocol):
    def __init__(self, *, address: str) -> None: ...
    def internal_kv_keys(self, prefix: bytes, namespace: bytes) -> object: ...


class _Ray(Protocol):
    """Ray's calls as they are used here; its own types leave much unknown."""

    def init(self, **how: object) -> object: ...
    def remote(self, of: type) -> _Actor: ...
    def get_actor(self, name: str) -> _Handle: ...
    def get(self, ref: _Ref) -> object: ...
    def kill(self, actor: _Handle) -> None: ...

    def wait(
        self, refs: Sequence[_Ref], *, num_returns: int, timeout: float
    ) -> tuple[Sequence[_Ref], Sequence[_Ref]]: ...


_ray = cast("_Ray", ray)


def admitted(address: str) -> bool:
    """Whether the head at *address* answers to this process with the token it has, or has not.

    Raises:
        RuntimeError: or an OSError, or one of Ray's own: there is no answer at all.
    """
    # Compiled, hence without types; no public call asks this without joining.
    client = cast("type[_GcsClient]", ray._raylet.GcsClient)  # pyright: ignore[reportAttributeAccessIssue]
    try:
        client(address=address).internal_kv_keys(b"", b"")
    except AuthenticationError:
        return False
    return True


class RayCluster:
    """The keepers of one namespace. Every call may hang while the head is away.

    Args:
        address: of the head, `host:port`.
        namespace: the keepers' own.
    """

    def __init__(self, address: str, namespace: str) -> None:
        _ray.init(
            address=address, namespace=namespace, log_to_driver=False, logging_level="warning"
        )
        self._namespace = namespace
        self._handles: dict[str, _Handle] = {}
        self._pings: dict[str, _Ref] = {}
        self._drains: dict[str, _Ref] = {}

    def names(self) -> set[str]:
        """Every keeper there is, placed or waiting for a place."""
        names = set(ray.util.list_named_actors())
        for known in (self._handles, self._pings, self._drains):
            for gone in known.keys() - names:
                del known[gone]
        return names

    def add(self, place: Place, want: Wanted) -> None:
        """Ask for a keeper; an earlier one of that name is as good."""
        self._handles[place.name] = (
            _ray.remote(Keeper)
            .options(
                name=place.name,
                namespace=self._namespace,
                lifetime="detached",
                get_if_exists=True,
                num_gpus=want.gpus,
                num_cpus=want.cpus,
                resources=want.resources,
                max_restarts=-1,
                max_task_retries=0,
                max_concurrency=_AT_ONCE,
            )
            .remote(place)
        )

    def pulses(self, names: Collection[str], seconds: float) -> Mapping[str, Pulse]:
        """How those of *names* are that answer within *seconds*."""
        for name in names - self._pings.keys():
            handle = self._handle(name)
            if handle is not None:
                self._pings[name] = handle.ping.remote()
        answers = self._ended(self._pings, seconds)
        return {name: answer for name, answer in answers.items() if isinstance(answer, Pulse)}

    def drain(self, name: str, grace_seconds: float) -> None:
        """Tell a keeper, once, to let its worker drain."""
        handle = self._handle(name)
        if name not in self._drains and handle is not None:
            self._drains[name] = handle.drain.remote(grace_seconds)

    def drained(self) -> Collection[str]:
        """Keepers told to drain that have done so, or have died meanwhile; each is named once."""
        return self._ended(self._drains, 0.0).keys()

    def kill(self, name: str) -> None:
        """End a keeper for good, its worker with it; also one that has no place yet."""
        handle = self._handle(name)
        if handle is not None:
            _ray.kill(handle)

    def _ended(self, calls: dict[str, _Ref], seconds: float) -> dict[str, object]:
        """Take out of *calls* those that ended within *seconds*, with what they returned."""
        if not calls:
            return {}
        ready, _ = _ray.wait(list(calls.values()), num_returns=len(calls), timeout=seconds)
        ended = [name for name, ref in calls.items() if ref in ready]
        return {name: self._returned(name, calls.pop(name)) for name in ended}

    def _returned(self, name: str, ref: _Ref) -> object:
        try:
            return _ray.get(ref)
        except RayActorError:  # it died, or is being started again
            self._handles.pop(name, None)
            return None

    def _handle(self, name: str) -> _Handle | None:
        if name not in self._handles:
            try:
                self._handles[name] = _ray.get_actor(name)
            except ValueError:  # gone since it was listed
                return None
        return self._handles[name]
