"""Writes tiny pipelines the way their families were first published: as one file.

Source: the modules of github.com/CompVis/stable-diffusion and github.com/black-forest-labs/flux2,
whose attributes give the names.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from tests.engine.drawing import loaded
from torch import Tensor

_RESNET: Final = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_UNET: Final = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "down_blocks.0.downsamplers.0.conv": "input_blocks.2.0.op",  # after the level's one layer
    "up_blocks.0.upsamplers.0.conv": "output_blocks.1.2.conv",
}
_UNET_LEVELS: Final = re.compile(r"(down|up)_blocks\.(\d)\.(resnets|attentions)\.(\d)")
_VAE: Final = (
    (r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2"),
    (r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample"),
    (r"up_blocks\.0\.", "up_blocks.three."),  # levels of the decoder are counted from the picture
    (r"up_blocks\.1\.", "up.2."),
    (r"up_blocks\.2\.", "up.1."),
    (r"up_blocks\.3\.", "up.0."),
    (r"up_blocks\.three\.", "up.3."),
    (r"up\.(\d)\.resnets", r"up.\1.block"),
    (r"up\.(\d)\.upsamplers\.0", r"up.\1.upsample"),
    (r"mid_block\.resnets\.0", "mid.block_1"),
    (r"mid_block\.resnets\.1", "mid.block_2"),
    (r"mid_block\.attentions\.0\.group_norm", "mid.attn_1.norm"),
    (r"mid_block\.attentions\.0\.to_out\.0", "mid.attn_1.proj_out"),
    (r"mid_block\.attentions\.0\.to_([qkv])", r"mid.attn_1.\1"),
    (r"conv_shortcut", "nin_shortcut"),
    (r"conv_norm_out", "norm_out"),
)
_KLEIN: Final = (
    (r"^x_embedder", "img_in"),
    (r"^context_embedder", "txt_in"),
    (r"^time_guidance_embed\.timestep_embedder\.linear_1", "time_in.in_layer"),
    (r"^time_guidance_embed\.timestep_embedder\.linear_2", "time_in.out_layer"),
    (r"modulation_(img|txt)\.linear", r"modulation_\1.lin"),
    (r"single_stream_modulation\.linear", "single_stream_modulation.lin"),
    (r"^proj_out", "final_layer.linear"),
    (r"^single_transformer_blocks", "single_blocks"),
    (r"attn\.to_qkv_mlp_proj", "linear1"),
    (r"^(single_blocks\.\d)\.attn\.to_out", r"\1.linear2"),
    (r"^(single_blocks\.\d)\.attn\.norm_q\.weight", r"\1.norm.query_norm.scale"),
    (r"^(single_blocks\.\d)\.attn\.norm_k\.weight", r"\1.norm.key_norm.scale"),
    (r"^transformer_blocks", "double_blocks"),
    (r"attn\.norm_added_q\.weight", "txt_attn.norm.query_norm.scale"),
    (r"attn\.norm_added_k\.weight", "txt_attn.norm.key_norm.scale"),
    (r"attn\.norm_q\.weight", "img_attn.norm.query_norm.scale"),
    (r"attn\.norm_k\.weight", "img_attn.norm.key_norm.scale"),
    (r"attn\.to_out\.0", "img_attn.proj"),
    (r"attn\.to_add_out", "txt_attn.proj"),
    (r"ff\.linear_in", "img_mlp.0"),
    (r"ff\.linear_out", "img_mlp.2"),
    (r"ff_context\.linear_in", "txt_mlp.0"),
    (r"ff_context\.linear_out", "txt_mlp.2"),
)


def stable_diffusion_checkpoint(folder: Path, parts: Mapping[str, bool]) -> dict[str, Tensor]:
    """The tensors of the tiny Stable Diffusion in *folder*, named as its checkpoints name them."""
    named: dict[str, Tensor] = {}
    if parts.get("unet", True):
        unet = _tensors(folder / "unet").items()
        named |= {f"model.diffusion_model.{_unet_name(name)}": one for name, one in unet}
    if parts.get("vae", True):
        vae = _tensors(folder / "vae").items()
        named |= {
            f"first_stage_model.{_renamed(name, _VAE)}": _pixel(name, one) for name, one in vae
        }
    if parts.get("text_encoder", True):
        text = _tensors(folder / "text_encoder").items()
        named |= {f"cond_stage_model.transformer.text_model.{name}": one for name, one in text}
    return {name: one.contiguous() for name, one in named.items()}


def klein_checkpoint(folder: Path) -> dict[str, Tensor]:
    """The transformer of the tiny klein in *folder*, named as its publisher names it."""
    found = _tensors(folder / "transformer")
    named: dict[str, Tensor] = {}
    for stream, names in (("img", "to_{}"), ("txt", "add_{}_proj")):
        fused = [
            found.pop(f"transformer_blocks.0.attn.{names.format(one)}.weight") for one in "qkv"
        ]
        named[f"double_blocks.0.{stream}_attn.qkv.weight"] = torch.cat(fused)
    scale, shift = found.pop("norm_out.linear.weight").chunk(2)
    named["final_layer.adaLN_modulation.1.weight"] = torch.cat([shift, scale])
    return named | {_renamed(name, _KLEIN): one for name, one in found.items()}


def _tensors(part: Path) -> dict[str, Tensor]:
    return loaded(next(part.glob("*.safetensors")))


def _renamed(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for old, new in rules:
        name = re.sub(old, new, name)
    return name


def _pixel(name: str, one: Tensor) -> Tensor:
    """Attention of the autoencoder was a convolution of one pixel."""
    attends = "attentions" in name and name.endswith("weight") and one.dim() == 2
    return one[:, :, None, None] if attends else one


def _unet_name(name: str) -> str:
    for old, new in _UNET.items():
        if name.startswith(f"{old}."):
            return name.replace(old, new, 1)
    middle = re.sub(r"^mid_block\.resnets\.0", "middle_block.0", name)
    middle = re.sub(r"^mid_block\.attentions\.0", "middle_block.1", middle)
    middle = re.sub(r"^mid_block\.resnets\.1", "middle_block.2", middle)
    if middle != name:
        return _inside(middle) if "attentions" not in name else middle
    return _of_block(name)


def _of_block(name: str) -> str:
    found = _UNET_LEVELS.match(name)
    assert found, name
    way, level, kind, layer = found.groups()
    place = 2 * int(level) + int(layer)  # two blocks a level: a layer and what resizes, or two
    block = f"input_blocks.{1 + place}" if way == "down" else f"output_blocks.{place}"
    rest = name.removeprefix(found[0])
    return _inside(f"{block}.0{rest}") if kind == "resnets" else f"{block}.1{rest}"


def _inside(name: str) -> str:
    """The layers of a block of the UNet."""
    *head, layer, kind = name.split(".")
    return ".".join([*head, _RESNET[layer], kind])
