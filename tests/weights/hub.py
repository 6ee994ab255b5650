"""A hub on loopback with one small repository, and ways to misbehave."""

import asyncio
import hashlib
import json
import struct
from dataclasses import dataclass, field
from urllib.parse import quote

from tests.egress.loopback import Request, reply

COMMIT = "a" * 40
REPO = "acme/portraits"


def tensors(size: int = 64) -> bytes:
    """The bytes of a safetensors file with one tensor of *size* bytes."""
    return named_tensors("t", size=size)


def named_tensors(*names: str, size: int = 64) -> bytes:
    """The same with tensors of these names, all in the same *size* bytes."""
    one = {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}
    head = json.dumps(dict.fromkeys(names, one)).encode()
    return struct.pack("<Q", len(head)) + head + bytes(range(256)) * (size // 256 + 1)


def index(**parts: object) -> bytes:
    """A model_index.json."""
    named = {"_class_name": "StableDiffusionImg2ImgPipeline", "requires_safety_checker": False}
    return json.dumps({**named, **parts}).encode()


def pipeline() -> dict[str, bytes]:
    """What a repository of a pipeline usually holds, needed and not."""
    return {
        "model_index.json": index(
            unet=["diffusers", "UNet2DConditionModel"],
            tokenizer=["transformers", "CLIPTokenizer"],
            safety_checker=[None, None],
        ),
        "README.md": b"# portraits",
        "LICENSE.md": b"be kind",
        ".gitattributes": b"*.bin filter=lfs",
        "portraits.safetensors": tensors(4096),
        "portraits.ckpt": b"\x80\x04pickle",
        "unet/config.json": b'{"sample_size": 64}',
        "unet/diffusion_pytorch_model.safetensors": tensors(3_000_000),
        "unet/diffusion_pytorch_model.fp16.safetensors": tensors(1_500_000),
        "unet/diffusion_pytorch_model.bin": b"\x80\x04pickle",
        "unet/model.onnx": b"onnx",
        "unet/custom.py": b"print('no')",
        "unet/openvino/openvino_model.safetensors": tensors(),
        "tokenizer/vocab.json": b"{}",
        "tokenizer/merges.txt": b"#version",
        "safety_checker/model.safetensors": tensors(),
        "vae_onnx/model.safetensors": tensors(),
    }


def checker() -> dict[str, bytes]:
    """What a repository of a safety checker usually holds, needed and not; it has no index."""
    return {
        "README.md": b"# checker",
        ".gitattributes": b"*.bin filter=lfs",
        "config.json": b'{"model_type": "clip"}',
        "preprocessor_config.json": b'{"size": 224}',
        "model.safetensors": tensors(3_000_000),
        "pytorch_model.bin": b"\x80\x04pickle",
        "optimizer.pt": b"\x80\x04pickle",
        "flax_model.msgpack": b"flax",
        "inference.py": b"print('no')",
        "checkpoints/model.safetensors": tensors(),
    }


NEEDED = {
    "model_index.json",
    "LICENSE.md",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "tokenizer/vocab.json",
    "tokenizer/merges.txt",
}


def revision(name: str) -> str:
    """Where the description of the repository at that revision is."""
    return f"/api/models/{REPO}/revision/{quote(name, safe='')}"


@dataclass
class FakeHub:
    """Serves `files` as the hub does; switches make it refuse, break off or lie."""

    files: dict[str, bytes] = field(default_factory=pipeline)
    status: int = 200
    token: str | None = None
    cut: list[int] = field(default_factory=list[int])  # bytes after which answers break, in turn
    liar: str | None = None
    blobs: bool = True
    revisions: tuple[str, ...] = ("main", COMMIT)
    stalls: asyncio.Event | None = None  # large files stop in the middle until it is set

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        path = request.target.partition("?")[0]
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            reply(writer, b"gated", status=401)
        elif self.status != 200:
            reply(writer, b"no", status=self.status)
        elif path in map(revision, self.revisions):
            reply(writer, self._listing())
        elif path.startswith(f"/{REPO}/resolve/{COMMIT}/"):
            name = path.removeprefix(f"/{REPO}/resolve/{COMMIT}/")
            if self.stalls is not None and len(self.files[name]) > 100_000:
                await self._half(name, writer)
            else:
                self._file(name, request, writer)
        else:
            reply(writer, b"no", status=404)

    def _listing(self) -> bytes:
        siblings = [self._sibling(name, data) for name, data in self.files.items()]
        return json.dumps({"sha": COMMIT, "siblings": siblings, "gated": False}).encode()

    def _sibling(self, name: str, data: bytes) -> dict[str, object]:
        if not self.blobs:
            return {"rfilename": name}
        if name == self.liar:
            data = data[::-1]
        if name.endswith((".safetensors", ".bin", ".ckpt")):
            lfs = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 1}
            return {"rfilename": name, "size": len(data), "blobId": "0" * 40, "lfs": lfs}
        git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        return {"rfilename": name, "size": len(data), "blobId": git}

    async def _half(self, name: str, writer: asyncio.StreamWriter) -> None:
        data = self.files[name]
        writer.write(f"HTTP/1.1 200 X\r\ncontent-length: {len(data)}\r\n\r\n".encode())
        writer.write(data[: len(data) // 2])
        await writer.drain()
        if self.stalls is not None:
            await self.stalls.wait()

    def _file(self, name: str, request: Request, writer: asyncio.StreamWriter) -> None:
        data = self.files[name]
        start = int(request.headers.get("range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if start >= len(data):
            reply(writer, b"", status=416, content_range=f"bytes */{len(data)}")
        elif self.cut and len(data) > 100_000:
            head = f"HTTP/1.1 {'206' if start else '200'} X\r\ncontent-length: {len(data) - start}"
            span = f"\r\ncontent-range: bytes {start}-{len(data) - 1}/{len(data)}" if start else ""
            writer.write(f"{head}{span}\r\n\r\n".encode())
            writer.write(data[start : start + self.cut.pop(0)])
        elif start:
            span = f"bytes {start}-{len(data) - 1}/{len(data)}"
            reply(writer, data[start:], status=206, content_range=span)
        else:
            reply(writer, data)
