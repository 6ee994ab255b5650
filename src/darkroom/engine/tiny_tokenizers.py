"""Tokenizers without merges: every character, or byte, is a token of its own."""

import string

from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer, Qwen2Tokenizer, T5Tokenizer

from darkroom.engine.edge import Tokenizer, built

_CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def clip_tokenizer() -> Tokenizer:
    """CLIP's: bytes, bytes that end a word, and the two marks; 514 tokens, 77 to a prompt."""
    letters = _alphabet()
    pieces = [*letters, *(f"{letter}</w>" for letter in letters)]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    return built(Tokenizer, CLIPTokenizer, vocab=_numbered(pieces), merges=[], model_max_length=77)


def t5_tokenizer() -> Tokenizer:
    """T5's: printable ASCII and the mark that begins a word."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    printable = string.ascii_letters + string.digits + string.punctuation
    pieces += [(letter, -3.0) for letter in printable]
    return built(Tokenizer, T5Tokenizer, vocab=pieces, extra_ids=0, model_max_length=512)


def qwen_tokenizer() -> Tokenizer:
    """Qwen's: bytes, the end of a text and the two marks around a chat message."""
    pieces = [*_alphabet(), "<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    return built(
        Tokenizer,
        Qwen2Tokenizer,
        vocab=_numbered(pieces),
        merges=[],
        model_max_length=512,
        chat_template=_CHAT_TEMPLATE,
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
    )


def _alphabet() -> list[str]:
    return sorted(ByteLevel.alphabet())  # its own order changes from process to process


def _numbered(pieces: list[str]) -> dict[str, int]:
    return {piece: number for number, piece in enumerate(pieces)}
