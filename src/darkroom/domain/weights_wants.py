"""Everything on disk or on the hub that the configuration of a version asks for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TypeAlias, cast

from darkroom.domain.errors import InvalidSetting
from darkroom.domain.model import Json
from darkroom.domain.weights_address import (
    BASE,
    BESIDE,
    LORAS,
    REVISION,
    TINY,
    WEIGHTS,
    HubAddress,
    is_single_file,
    parse_folder,
    parse_weights,
)

Address: TypeAlias = HubAddress | PurePath


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """An adapter and how much of it counts; 1 is as it was trained, 0 is nothing.

    Args:
        weights: an address of the hub or a path; once provided, the path of one file.
    """

    weights: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wants:
    """The addresses in a configuration.

    Args:
        weights: a pipeline, or the single file that takes the place of parts of *base*.
        base: the pipeline that a single file completes.
        loras: adapters, in the order they are applied.
        beside: models of their own, by key.
    """

    weights: Address
    base: Address | None = None
    loras: Sequence[tuple[Address, float]] = ()
    beside: Mapping[str, Address] = field(default_factory=dict[str, Address])


def wants_of(config: Mapping[str, str]) -> Wants | None:
    """Read the addresses of a configuration; None where it needs no weights, or `tiny` ones.

    Raises:
        InvalidSetting: one cannot be read; begins with its key.
    """
    if config.get(WEIGHTS, TINY) == TINY:
        return None
    weights = parse_weights(config[WEIGHTS], config.get(REVISION))
    base = config.get(BASE)
    if is_single_file(weights) and base is None:
        raise InvalidSetting("base: a single file needs one, which the rest of a pipeline is from")
    return Wants(
        weights=weights,
        base=None if base is None else parse_folder(base, key=BASE),
        loras=[(parse_weights(one.weights, key=LORAS), one.scale) for one in read_loras(config)],
        beside={
            key: parse_folder(config[key], key=key)
            for key in BESIDE
            if config.get(key, TINY) != TINY
        },
    )


def read_loras(config: Mapping[str, str]) -> Sequence[Lora]:
    """The adapters under `loras`, which is JSON text as `write_loras` makes it.

    Raises:
        InvalidSetting: it is something else.
    """
    try:
        found = cast("list[dict[str, Json]]", json.loads(config.get(LORAS, "[]")))
        return [
            Lora(weights=cast("str", one[WEIGHTS]), scale=float(cast("float", one["scale"])))
            for one in found
        ]
    except (ValueError, TypeError, LookupError) as error:
        raise InvalidSetting("loras: must be a JSON list of objects with weights, scale") from error


def write_loras(loras: Sequence[Lora]) -> str:
    """Spell adapters the one way a configuration holds them."""
    return json.dumps([{"scale": float(one.scale), WEIGHTS: one.weights} for one in loras])
