"""Whether a folder of weights is what it should be, told before anything of it is loaded.

The hub's layout: `model_index.json` names one class per part, each part has a folder. Only
classes of our own lists are let in, nothing that brings code along, and no pickled weights.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.families import Family
from darkroom.domain.model import Json
from darkroom.domain.weights_address import WEIGHTS
from darkroom.domain.weights_layout import CODE_KEYS, INDEX, LIBRARIES, PICKLED, folder_misfit

_PARTS: Mapping[Family, frozenset[str]] = {
    Family.STABLE_DIFFUSION: frozenset(
        {
            "AutoencoderKL",
            "CLIPImageProcessor",
            "CLIPImageProcessorPil",
            "CLIPTextModel",
            "CLIPTokenizer",
            "CLIPTokenizerFast",
            "DDIMScheduler",
            "DDPMScheduler",
            "DEISMultistepScheduler",
            "DPMSolverMultistepScheduler",
            "DPMSolverSinglestepScheduler",
            "EulerAncestralDiscreteScheduler",
            "EulerDiscreteScheduler",
            "HeunDiscreteScheduler",
            "LMSDiscreteScheduler",
            "PNDMScheduler",
            "StableDiffusionSafetyChecker",
            "UNet2DConditionModel",
            "UniPCMultistepScheduler",
        }
    ),
    Family.FLUX_KONTEXT: frozenset(
        {
            "AutoencoderKL",
            "CLIPTextModel",
            "CLIPTokenizer",
            "CLIPTokenizerFast",
            "FlowMatchEulerDiscreteScheduler",
            "FluxTransformer2DModel",
            "T5EncoderModel",
            "T5Tokenizer",
            "T5TokenizerFast",
        }
    ),
    Family.FLUX2_KLEIN: frozenset(
        {
            "AutoencoderKLFlux2",
            "FlowMatchEulerDiscreteScheduler",
            "Flux2Transformer2DModel",
            "Qwen2Tokenizer",
            "Qwen2TokenizerFast",
            "Qwen3ForCausalLM",
        }
    ),
}


def check_folder(family: Family, folder: Path, key: str = WEIGHTS) -> Mapping[str, str]:
    """Look a folder of weights over. A part may lack its tensors: loading it then says so.

    Args:
        family: of the pipeline.
        folder: with its parts.
        key: of `darkroom.yaml`, for what to correct there.

    Returns:
        The class of each part, by its name.

    Raises:
        WeightsUnavailable: it is missing, of another family, pickled, or brings code along.
    """
    if not folder.is_dir():
        raise WeightsUnavailable(
            f"There is no folder {folder}. Put the weights there in the layout of diffusers "
            f"({INDEX} and a folder for each part), or choose other weights."
        )
    index = _read(folder / INDEX)
    if misfit := folder_misfit(folder, index, family, key):
        raise WeightsUnavailable(misfit)
    _check_code(folder)
    parts = dict(_parts(family, folder, index))
    for part in parts:
        _check_part(folder / part)
    return parts


def _check_code(folder: Path) -> None:
    if script := next(folder.rglob("*.py"), None):
        raise WeightsUnavailable(
            f"{script} is code. Weights that bring code are never loaded; remove it or choose "
            "weights in the plain layout of diffusers."
        )
    for file in (folder / INDEX, *folder.rglob("*config.json")):
        if found := CODE_KEYS & _read(file).keys():
            raise WeightsUnavailable(
                f"{file} asks for code of its own ({', '.join(sorted(found))}). Such weights "
                "are never loaded; choose weights in the plain layout of diffusers."
            )


def _parts(family: Family, folder: Path, index: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    for name, entry in index.items():
        if name.startswith("_") or not _is_pair(entry):
            continue
        library, kind = cast("Sequence[str | None]", entry)
        if library is None and kind is None:
            continue
        if library not in LIBRARIES or kind is None or kind not in _PARTS[family]:
            raise WeightsUnavailable(
                f"{folder / INDEX} wants {library}.{kind} as `{name}`, which a pipeline of the "
                f"family {family} does not take. Choose other weights."
            )
        yield name, kind


def _is_pair(entry: Json) -> bool:
    return isinstance(entry, list) and len(entry) == 2


def _check_part(part: Path) -> None:
    suffixes = {file.suffix for file in part.iterdir()} if part.is_dir() else set[str]()
    if not suffixes:
        raise WeightsUnavailable(
            f"{part} is missing or empty. Copy or download the weights once more."
        )
    if suffixes & PICKLED and ".safetensors" not in suffixes:
        raise WeightsUnavailable(
            f"{part} holds pickled weights only, which can run code when they are read. Get or "
            "make them as .safetensors."
        )


def _read(file: Path) -> Mapping[str, Json]:
    """A JSON object; a file that holds another value has no keys."""
    try:
        value = cast("Json", json.loads(file.read_text("utf-8")))
    except FileNotFoundError as error:
        raise WeightsUnavailable(
            f"There is no {file}. The folder must have the layout of diffusers; a single "
            "checkpoint file is named itself, by its path."
        ) from error
    except (OSError, ValueError) as error:
        raise WeightsUnavailable(f"{file} cannot be read: {error}. Copy it once more.") from error
    return value if isinstance(value, Mapping) else {}
