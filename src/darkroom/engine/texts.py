"""Texts to token ids, as the stock pipelines of each family do it."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from darkroom.engine.device import Device


class _Found(Protocol):
    input_ids: Tensor
    attention_mask: Tensor


class Tokenizer(Protocol):
    """A tokenizer of transformers."""

    model_max_length: int

    def __call__(
        self,
        text: str,
        *,
        padding: str | bool,
        max_length: int | None = None,
        truncation: bool,
        return_tensors: str,
        verbose: bool = True,
    ) -> _Found:
        """Token ids and their mask, (1, T) each."""
        ...

    def apply_chat_template(self, conversation: Sequence[object], **how: bool) -> str:
        """A conversation as one text."""
        ...


def tokens(
    tokenizer: Tokenizer, text: str, device: Device, *, length: int | None = None
) -> tuple[Tensor, Tensor]:
    """Ids and mask of *text*, (1, *length*) each; what is longer is cut off.

    Args:
        tokenizer: any.
        text: any.
        device: where both are put.
        length: None takes what the tokenizer was made for.
    """
    found = tokenizer(
        text,
        padding="max_length",
        max_length=length or tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )
    where = device.torch_device
    return found.input_ids.to(where), found.attention_mask.to(where)


def too_long(
    tokenizer: Tokenizer, text: str, name: str, *, length: int | None = None
) -> Sequence[str]:
    """A line for the log if `tokens` cuts *text* off.

    Args:
        tokenizer: any.
        text: any.
        name: what to call it.
        length: as for `tokens`.
    """
    most = length or tokenizer.model_max_length
    found = tokenizer(text, padding=False, truncation=False, return_tensors="pt", verbose=False)
    count = found.input_ids.shape[1]
    if count <= most:
        return ()
    return (
        f"The {name} is too long: the model reads {most} tokens of its {count}, and the end of it"
        " has no effect.",
    )
