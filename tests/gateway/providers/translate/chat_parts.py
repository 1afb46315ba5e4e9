"""Parts of chat completions requests that tests put together."""

from __future__ import annotations

USER = {"role": "user", "content": "hi"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
