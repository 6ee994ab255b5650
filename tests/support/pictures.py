"""Pictures made on the spot, as data: URLs."""

import base64
import io

from PIL import Image


def png(width: int = 64, height: int = 64, shade: int = 90) -> bytes:
    """A picture with a gradient, so that it is no single colour."""
    picture = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    picture.paste((shade, 40, 160), (0, 0, width // 2, height // 2))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def data_url(data: bytes, content_type: str = "image/png") -> str:
    return f"data:{content_type};base64,{base64.b64encode(data).decode()}"
