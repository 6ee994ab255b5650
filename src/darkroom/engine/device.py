"""Where the arithmetic happens, and in which precision."""

import gc
import threading
from dataclasses import dataclass

import torch

from darkroom.domain.errors import InvalidSetting
from darkroom.engine.settings import BackendChoice, EngineSettings, Precision


@dataclass(frozen=True, slots=True)
class Device:
    """A place for weights. Noise is drawn on the CPU all the same, so that seeds agree."""

    torch_device: torch.device
    dtype: torch.dtype

    @property
    def description(self) -> str:
        """For logs, such as `cuda in bfloat16`."""
        return f"{self.torch_device} in {str(self.dtype).removeprefix('torch.')}"


def best_device(settings: EngineSettings | None = None) -> Device:
    """The first CUDA device, or the CPU if there is none or OpenVINO is to compute.

    Args:
        settings: None leaves all to the machine.

    Raises:
        InvalidSetting: the device does not compute in the precision that is set.
    """
    chosen = settings or EngineSettings()
    if torch.cuda.is_available() and chosen.backend is not BackendChoice.OPENVINO:
        return Device(torch.device("cuda"), _precision(chosen.dtype, cuda=True))
    return Device(torch.device("cpu"), _precision(chosen.dtype, cuda=False))


def _precision(asked: Precision, *, cuda: bool) -> torch.dtype:
    """bfloat16 on CUDA, float16 if the card is too old for that; float32 on a CPU."""
    bfloat16 = not cuda or torch.cuda.is_bf16_supported(including_emulation=False)
    match asked:
        case Precision.FLOAT32:
            return torch.float32
        case Precision.FLOAT16:
            return torch.float16
        case Precision.BFLOAT16 if not bfloat16:
            raise InvalidSetting(
                "engine_dtype is bfloat16, which this card does not compute in; "
                "it must be one of auto, float32, float16."
            )
        case Precision.BFLOAT16:
            return torch.bfloat16
        case Precision.AUTO if cuda:
            return torch.bfloat16 if bfloat16 else torch.float16
        case Precision.AUTO:
            return torch.float32


def give_memory_back() -> None:
    """Free what nobody refers to any more, on the device as well."""
    gc.collect()  # pipelines and their parts refer to each other
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def lacks_memory(error: BaseException) -> bool:
    """Whether the device, or the machine, had too little memory for what raised *error*."""
    # The allocator of the CPU and the libraries of CUDA have no class for it.
    told = any(words in str(error) for words in ("can't allocate memory", "ALLOC_FAILED"))
    return told or isinstance(error, (torch.OutOfMemoryError, MemoryError))


def compute_alone() -> None:
    """Let the calling thread compute without helpers; small weights only lose time to them.

    On a busy machine the loss is a factor of ten and more. Threads that start later keep the
    usual number.
    """
    usual = torch.get_num_threads()
    torch.set_num_threads(1)  # for this thread, and as the default of those to come
    other = threading.Thread(target=torch.set_num_threads, args=(usual,))
    other.start()
    other.join()
