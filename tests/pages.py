"""What pages say, as people read it."""

from __future__ import annotations

import html
from typing import Any


def text_of(response: Any) -> str:
    """The page's source with its characters resolved and one blank between words."""
    return " ".join(html.unescape(response.content.decode()).split())
