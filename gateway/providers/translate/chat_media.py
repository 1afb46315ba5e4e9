"""Images and files of a chat completions request (OpenAI) as Anthropic's blocks."""

from __future__ import annotations

import re
from typing import Any

from gateway.providers.translate.fields import Fields, InvalidField, Untranslatable

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,", re.ASCII | re.IGNORECASE)
IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
PDF = "application/pdf"
Block = dict[str, Any]


def image(given: Any, path: str) -> Block:
    """An image by its address or as base64."""
    fields = Fields(given, path)
    url = fields.need("url", str)
    fields.refuse("detail", "Anthropic's models always see an image in full.", neutral=("auto", "high"))
    fields.done()
    if url[:5].lower() != "data:":
        return {"type": "image", "source": {"type": "url", "url": url}}
    source = _base64(url)
    if source is None:
        raise InvalidField(fields.path("url"), "must be an address or data:<type>;base64,<data>.")
    if source["media_type"] == "image/jpg":  # not a registered type, but often sent
        source["media_type"] = "image/jpeg"
    if source["media_type"] not in IMAGES:
        raise Untranslatable(fields.path("url"), "Anthropic's models take JPEG, PNG, GIF and WebP images.")
    return {"type": "image", "source": source}


def document(given: Any, path: str) -> Block:
    """A PDF; its file name becomes the title."""
    fields = Fields(given, path)
    fields.refuse("file_id", "files uploaded to OpenAI are not at Anthropic; send file_data.")
    source = _base64(fields.need("file_data", str))
    if source is None or source["media_type"] != PDF:
        raise Untranslatable(fields.path("file_data"), "must be a PDF as a data:application/pdf;base64 URL.")
    name = fields.take("filename", str)
    fields.done()
    return {"type": "document", "source": source, **({"title": name} if name else {})}


def _base64(url: str) -> Block | None:
    """A data: URL as a source; None for anything else."""
    match = _DATA_URL.match(url)
    return {"type": "base64", "media_type": match[1].lower(), "data": url[match.end() :]} if match else None
