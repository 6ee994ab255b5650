"""What an operator's entry says of weights: where they are, and what is put on them."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from darkroom.domain.errors import InvalidSetting
from darkroom.domain.weights_address import (
    BASE,
    LORAS,
    REVISION,
    WEIGHTS,
    HubAddress,
    is_single_file,
    parse_folder,
    parse_weights,
)
from darkroom.domain.weights_wants import Address, Lora, read_loras, write_loras

Found: TypeAlias = dict[str, str]
MOST_SCALE = 10.0


class WrittenLora(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One adapter, as it is written in an entry."""

    weights: str
    revision: str | None = None
    scale: float = 1.0


class WrittenWeights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of an entry that are about weights."""

    weights: str | None = None
    revision: str | None = None
    base: str | None = None
    loras: list[WrittenLora] = []


def weights_config(entry: WrittenWeights, of_family: str, where: str) -> Mapping[str, str]:
    """The keys of a version's configuration that say where its weights are.

    Args:
        entry: as it was written.
        of_family: the weights that ship for the entry's family.
        where: the entry's own path, for messages.

    Raises:
        InvalidSetting: names the key, and says what may stand there.
    """
    config = _weights(entry, of_family, where)
    if entry.loras:
        config[LORAS] = write_loras(_loras(entry.loras, f"{where}.{LORAS}"))
    return config


def described(config: Mapping[str, str]) -> str:
    """Where the weights of a configuration are, in words for a README."""
    told = f"`{config[WEIGHTS]}`"
    if REVISION in config:
        told += f", revision `{config[REVISION]}`"
    if BASE in config:
        told += f", completed by `{config[BASE]}`"
    loras = [f"`{one.weights}` at {one.scale:g}" for one in read_loras(config)]
    return f"{told}, with the LoRA {' and '.join(loras)}" if loras else told


def when_tiny(config: Mapping[str, str]) -> str:
    """What of a configuration is loaded where tiny weights stand in for those of the hub."""
    pipeline = [parse_weights(config[key]) for key in (WEIGHTS, BASE) if key in config]
    if any(isinstance(one, HubAddress) for one in pipeline):
        return "the weights are random and the pictures are noise."
    if LORAS in config:
        return "the same files are loaded, but no LoRA from the hub."
    return "the same files are loaded." if BASE in config else "the same folder is loaded."


def _weights(entry: WrittenWeights, of_family: str, where: str) -> Found:
    if entry.weights is None:
        for key, value in ((REVISION, entry.revision), (BASE, entry.base)):
            if value is not None:
                raise InvalidSetting(f"{where}.{key}: goes with `weights`; there are none")
        return {WEIGHTS: of_family}
    address = _read(lambda: parse_weights(entry.weights or "", entry.revision), where)
    config: Found = {WEIGHTS: entry.weights}
    if entry.revision is not None:
        config[REVISION] = entry.revision
    if is_single_file(address):
        base = entry.base or of_family
        _read(lambda: parse_folder(base, key=BASE), where)
        config[BASE] = base
    elif entry.base is not None:
        raise InvalidSetting(f"{where}.{BASE}: completes weights in a single file; remove it")
    return config


def _loras(written: Sequence[WrittenLora], where: str) -> Sequence[Lora]:
    return [_lora(one, f"{where}[{place}]") for place, one in enumerate(written)]


def _lora(written: WrittenLora, where: str) -> Lora:
    address = _read(lambda: parse_weights(written.weights, written.revision), where)
    if not math.isfinite(written.scale) or abs(written.scale) > MOST_SCALE:
        raise InvalidSetting(
            f"{where}.scale: must be from {-MOST_SCALE:g} to {MOST_SCALE:g}, not {written.scale}"
        )
    told = str(address) if isinstance(address, HubAddress) else written.weights
    return Lora(weights=told, scale=written.scale)


def _read(parse: Callable[[], Address], where: str) -> Address:
    try:
        return parse()
    except InvalidSetting as error:
        raise InvalidSetting(f"{where}.{error}") from error
