"""What a picture is, by its first bytes."""

from __future__ import annotations

import base64
import binascii

_STARTS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


def picture_type(data: str) -> str | None:
    """The media type of a picture in base64; ``None`` for what is not known."""
    try:
        start = base64.b64decode(data[:64], validate=True)
    except binascii.Error:
        return None
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for sign, kind in _STARTS.items() if start.startswith(sign)), None)
