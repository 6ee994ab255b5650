"""What of its addresses a version needs, in the order it is brought: each with its selection."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from darkroom.domain.errors import InvalidSetting, WeightsUnavailable
from darkroom.domain.families import Family
from darkroom.domain.weights_address import (
    BASE,
    BESIDE,
    LORAS,
    WEIGHTS,
    HubAddress,
    is_single_file,
)
from darkroom.domain.weights_layout import file_misfit, parts_held, parts_usually_held
from darkroom.domain.weights_wants import Address, Wants, wants_of
from darkroom.weights.scan import tensor_names
from darkroom.weights.selection import WHOLE, Kind, Selection, one_file

Place: TypeAlias = HubAddress | Path

_FILE = Selection(kind=Kind.FILE)
_MODEL = Selection(kind=Kind.MODEL)
_FAMILIES = frozenset(Family)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One address that a version needs.

    Args:
        key: of the configuration: `weights`, `base`, `loras` or one of those beside.
        place: on the hub, or on this machine with `~` resolved.
        selection: what of it.
        scale: of an adapter.
        family: of a pipeline, as the entry says.
    """

    key: str
    place: Place
    selection: Selection
    scale: float = 1.0
    family: Family | None = None


def read_wants(config: Mapping[str, str]) -> Wants | None:
    """The addresses of a configuration; None where it needs no weights, or tiny ones.

    Raises:
        WeightsUnavailable: one cannot be read.
    """
    try:
        return wants_of(config)
    except InvalidSetting as error:
        raise WeightsUnavailable(f"{error}; correct it in darkroom.yaml") from error


def needs(config: Mapping[str, str], single_file: Path | None = None) -> Sequence[Need]:
    """Everything that a configuration asks for, weights first.

    Args:
        config: of a version.
        single_file: where the weights are, if they are one file and here: what it lacks is needed
            of the base. Without it the base gives what such a file lacks as a rule.

    Raises:
        WeightsUnavailable: an address cannot be read, or the file is of another family.
    """
    wants = read_wants(config)
    if wants is None:
        return ()
    family = Family(config["family"]) if config.get("family") in _FAMILIES else None
    found = [_need(WEIGHTS, wants.weights, WHOLE, family=family)]
    if wants.base is not None:
        without = lacking(config, single_file) if is_single_file(wants.weights) else ()
        found.append(_need(BASE, wants.base, Selection(without=tuple(without)), family=family))
    found += [_need(LORAS, lora, _FILE, scale) for lora, scale in wants.loras]
    return found + [_need(key, one, _MODEL) for key, one in wants.beside.items()]


@contextmanager
def naming(key: str) -> Generator[None]:
    """Have what is wrong with a checker name its key, and how to go without it.

    Raises:
        WeightsUnavailable: in place of each that is raised within; of another key unchanged.
    """
    try:
        yield
    except WeightsUnavailable as error:
        if key not in BESIDE:
            raise
        told = f"{key}: {error}; or write `safety: off` in darkroom.yaml to go without"
        raise WeightsUnavailable(told, status=error.status) from error


def lacking(config: Mapping[str, str], single_file: Path | None) -> Sequence[str]:
    """Parts whose tensors the base need not bring, for the single file has them.

    Raises:
        WeightsUnavailable: the file is of another family.
    """
    family = Family(config["family"])
    if single_file is None:
        return parts_usually_held(family)
    names = tensor_names(single_file)
    held = parts_held(family, names)
    if not held:
        raise WeightsUnavailable(file_misfit(single_file, names, family))
    return held


def _need(
    key: str,
    address: Address,
    selection: Selection,
    scale: float = 1.0,
    family: Family | None = None,
) -> Need:
    place = address if isinstance(address, HubAddress) else Path(address).expanduser()
    if isinstance(place, HubAddress) and (place.file is not None or selection.kind is Kind.FILE):
        selection = one_file(place)
    elif is_single_file(address):
        selection = _FILE
    if selection.kind is not Kind.PIPELINE:
        family = None
    return Need(key=key, place=place, selection=selection, scale=scale, family=family)
