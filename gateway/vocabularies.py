"""Exact token counts of plain conversations for OpenAI's models, whose vocabularies are public. None for everything else.

How messages are wrapped is OpenAI's own account (https://cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken). What it adds for
tools and images it does not say, so those are not counted here.

A vocabulary is loaded when it is first asked for: 50 ms and about 70 MB.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from gateway import tokens
from gateway.types import Model, Request

_PER_MESSAGE, _PER_REQUEST = 3, 3
_VOCABULARIES = {  # by how the provider's name of a model begins; the first that fits
    "gpt-4o": "o200k_base",
    "chatgpt-4o": "o200k_base",
    "gpt-4.1": "o200k_base",
    "gpt-4.5": "o200k_base",
    "gpt-5": "o200k_base",
    "gpt-oss": "o200k_base",
    "o1": "o200k_base",
    "o3": "o200k_base",
    "o4": "o200k_base",
    "gpt-4": "cl100k_base",
    "gpt-3.5": "cl100k_base",
}


_UNTOLD = (b'"name"', b'"tool_calls"', b'"function_call"', b'"functions"', b'"response_format"')


def count(model: Model, request: Request, *, at_most: int | None = None) -> int | None:
    """Input tokens of a request as the model's provider counts them; None where that cannot be known here.

    `at_most` bounds the work: a count beyond it is only said to be one more.
    """
    vocabulary = _vocabulary(model)
    body: Any = request.body
    if vocabulary is None or not hasattr(body, "messages") or body.tools or not tokens.is_text_only(body):
        return None
    if any(word in request.content for word in _UNTOLD):
        return None
    total = _PER_REQUEST
    system = getattr(body, "system", None)
    for role, content in (*([("system", system)] if system else []), *((m.role, m.content) for m in body.messages)):
        total += _PER_MESSAGE + vocabulary.count(role)
        for text in [content] if isinstance(content, str) else [part.text or "" for part in content or ()]:
            if at_most is None:
                total += vocabulary.count(text)
                continue
            counted = vocabulary.count_till_limit(text, max(0, at_most - total)) if total <= at_most else None
            if counted is None:
                return at_most + 1
            total += counted
    return total


def _vocabulary(model: Model) -> Any:
    if model.provider.kind != "openai":
        return None
    name = next((found for start, found in _VOCABULARIES.items() if model.upstream_id.startswith(start)), None)
    return None if name is None else _loaded(name)


@cache
def _loaded(name: str) -> Any:
    try:
        from rs_bpe import openai
    except ImportError:  # there is no wheel for every version of Python
        return None
    return getattr(openai, name)()
