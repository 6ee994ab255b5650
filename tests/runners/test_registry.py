"""A kind leads to its class, and a wrong one to words that help."""

import pytest

from darkroom.domain.errors import RunFailed
from darkroom.runners import registry
from darkroom.runners.echo import EchoRunner


def test_the_built_in_kinds_are_known_by_name() -> None:
    assert {"diffusers", "echo", "echo-text"} <= set(registry.kinds())


def test_a_name_and_a_module_lead_to_the_class() -> None:
    assert registry.find("echo") is EchoRunner
    assert registry.find("darkroom.runners.echo:EchoRunner") is EchoRunner


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RunFailed, match=r"no runner of kind 'cog9'; there are .*echo"):
        registry.find("cog9")


@pytest.mark.parametrize("kind", ["nowhere.at.all:Runner", "darkroom.runners.echo:Missing"])
def test_a_module_that_cannot_be_imported_is_refused_with_what_to_check(kind: str) -> None:
    with pytest.raises(RunFailed, match="check PYTHONPATH and spelling"):
        registry.find(kind)
