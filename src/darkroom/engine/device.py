"""Where the arithmetic happens, and in which precision."""

import gc
import threading
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Device:
    """A place for weights. Noise is drawn on the CPU all the same, so that seeds agree."""

    torch_device: torch.device
    dtype: torch.dtype

    @property
    def description(self) -> str:
        """For logs, such as `cuda in bfloat16`."""
        return f"{self.torch_device} in {str(self.dtype).removeprefix('torch.')}"


def best_device() -> Device:
    """The first CUDA device in bfloat16 (float16 if it is too old for that), else CPU, float32."""
    if not torch.cuda.is_available():
        return Device(torch.device("cpu"), torch.float32)
    bfloat16 = torch.cuda.is_bf16_supported()
    return Device(torch.device("cuda"), torch.bfloat16 if bfloat16 else torch.float16)


def give_memory_back() -> None:
    """Free what nobody refers to any more, on the device as well."""
    gc.collect()  # pipelines and their parts refer to each other
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


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
