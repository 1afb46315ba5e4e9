"""Exact counts, against what tiktoken 0.14 counts of the same texts."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import msgspec
import pytest

from gateway import vocabularies
from gateway.pipeline import validator
from gateway.types import Endpoint, Model, Provider, Request, Secret

O200K, CL100K = "gpt-4o-2024-11-20", "gpt-4-turbo"
TEXTS = {  # tokens in o200k_base, cl100k_base
    "count these words": (3, 3),
    "Grüße aus Köln, 北京 und Αθήνα! 🎉": (13, 21),
    "def f(x):\n    return x ** 2  # 1234567\n": (17, 17),
    "word " * 500: (501, 501),
}


def a_model(upstream_id: str, kind: str = "openai") -> Model:
    provider = Provider(uuid4(), "one", kind, "http://127.0.0.1:9/v1", Secret(""))
    return Model("m", upstream_id, provider, frozenset({"chat"}), None, None, None, 0)


def chat(*messages: dict[str, Any], **more: Any) -> Request:
    return validator.validate(Endpoint.CHAT, msgspec.json.encode({"model": "m", "messages": messages, **more}), {})


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_message_is_its_text_its_role_and_what_wraps_it(text):
    request = chat({"role": "user", "content": text})
    for name, tokens in zip((O200K, CL100K), TEXTS[text], strict=True):
        assert vocabularies.count(a_model(name), request) == 3 + 3 + 1 + tokens
    two = chat({"role": "system", "content": text}, {"role": "user", "content": [{"type": "text", "text": text}]})
    assert vocabularies.count(a_model(O200K), two) == 3 + 2 * (3 + 1 + TEXTS[text][0])


def test_the_other_format_counts_the_same():
    body = {
        "model": "m",
        "max_tokens": 5,
        "system": "word " * 500,
        "messages": [{"role": "user", "content": "count these words"}],
    }
    request = validator.validate(Endpoint.MESSAGES, msgspec.json.encode(body), {})
    assert vocabularies.count(a_model(O200K), request) == 3 + (3 + 1 + 501) + (3 + 1 + 3)


@pytest.mark.parametrize(("at_most", "says"), [(508, 508), (507, 508), (100, 101), (3, 4), (1, 2)])
def test_no_more_is_counted_than_is_asked_for(at_most, says):
    assert vocabularies.count(a_model(O200K), chat({"role": "user", "content": "word " * 500}), at_most=at_most) == says


@pytest.mark.parametrize(
    ("model", "request_"),
    [
        (a_model("claude-sonnet-4-5", "anthropic"), chat({"role": "user", "content": "a"})),
        (a_model("gpt-4o", "openai-compatible"), chat({"role": "user", "content": "a"})),
        (a_model("something-new"), chat({"role": "user", "content": "a"})),
        (a_model(O200K), chat({"role": "user", "content": "a", "name": "ada"})),
        (
            a_model(O200K),
            chat({"role": "user", "content": "a"}, tools=[{"type": "function", "function": {"name": "f"}}]),
        ),
        (a_model(O200K), chat({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]})),
        (a_model(O200K), chat({"role": "user", "content": "a"}, response_format={"type": "json_object"})),
    ],
    ids=["anthropic", "compatible", "unknown model", "a name", "tools", "an image", "a schema"],
)
def test_what_cannot_be_known_is_not_counted(model, request_):
    assert vocabularies.count(model, request_) is None
