"""The bound that a request's input is reserved at: never below what the simulator counts, and media counted by what they are."""

from __future__ import annotations

import base64
import os
import string
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import bodies, tokens
from simulator import chat_requests, messages_requests

TEXTS = {
    # counted with tiktoken 0.14: the higher of o200k_base and cl100k_base
    "The quick brown fox jumps over the lazy dog. It does so every day, and nobody has asked why.": 22,
    "def add(left: int, right: int) -> int:\n    return left + right\n": 19,
    "3f2b8c1e-9d47-4a60-8e15-7c0a9b6d2f31": 32,
    "Съешь же ещё этих мягких французских булок, да выпей чаю.": 36,
    "我们今天去学校看书,明天再来。": 15,
    "이 문장은 한국어로 쓰여 있습니다.": 20,
    "0123456789": 4,
    "🎉🚀🧪": 9,
}


def chat(content: Any, **more: Any) -> tuple[bodies.ChatBody, bytes]:
    raw = msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": content}], **more})
    return msgspec.json.decode(raw, type=bodies.ChatBody), raw


def bound(content: Any, kind: str = "openai", **more: Any) -> int:
    body, raw = chat(content, **more)
    return tokens.upper_bound(body, raw, kind=kind)


def extra(text: str) -> int:
    """What a text adds to an empty message."""
    return bound(text) - bound("")


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_bounded_by_no_less_than_it_has(text: str):
    assert TEXTS[text] <= extra(text)


@given(text=st.text(max_size=300) | st.text(string.ascii_letters + string.digits + " ", max_size=300))
def test_the_simulator_never_counts_more(text: str):
    body, raw = chat(text)
    assert chat_requests.parse(msgspec.json.decode(raw)).input_tokens <= tokens.upper_bound(body, raw, kind="openai")


@given(system=st.text(max_size=100), text=st.text(min_size=1, max_size=200))
def test_the_simulator_never_counts_more_of_a_conversation_with_tools(system: str, text: str):
    request = {
        "model": "m",
        "max_tokens": 10,
        "system": system,
        "messages": [
            {"role": "user", "content": f"x{text}"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "look", "input": {"at": text}}]},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": f"x{text}"}]}
                ],
            },
        ],
        "tools": [{"name": "look", "description": "Looks.", "input_schema": {"type": "object"}}],
    }
    raw = msgspec.json.encode(request)
    body = msgspec.json.decode(raw, type=bodies.MessagesBody)
    counted = messages_requests.parse(msgspec.json.decode(raw)).input_tokens
    assert counted <= tokens.upper_bound(body, raw, kind="anthropic")


def test_escaped_text_is_worth_no_less_than_the_text_itself():
    text = "我们今天 🎉"
    body, plain = chat(text)
    escaped = plain.replace(text.encode(), b"".join(b"\\u%04x" % unit for unit in units(text)))
    assert msgspec.json.decode(escaped, type=bodies.ChatBody) == body
    assert tokens.upper_bound(body, escaped, kind="openai") >= tokens.upper_bound(body, plain, kind="openai")


def units(text: str) -> list[int]:
    raw = text.encode("utf-16-be")
    return [int.from_bytes(raw[at : at + 2]) for at in range(0, len(raw), 2)]


def test_an_image_counts_as_an_image_whatever_its_base64_weighs():
    def image(size: int) -> int:
        data = base64.b64encode(os.urandom(size)).decode()
        return bound([{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}])

    assert image(100) == image(100_000)
    assert image(100) - bound([]) > tokens.IMAGE_TOKENS


def test_text_that_looks_like_an_image_counts_as_text():
    data = base64.b64encode(os.urandom(30_000)).decode()
    assert extra(f"data:image/png;base64,{data}") > 20_000


def test_text_inside_a_tools_result_counts():
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "word " * 1000}]}
    assert bound([result]) > 1000


@pytest.mark.parametrize(
    "part",
    [
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "A" * 200_000}},
        {"type": "container_upload", "file_id": "file_1"},
    ],
    ids=lambda part: part["type"],
)
def test_files_are_not_free(part: dict[str, Any]):
    assert bound([part]) >= 50_000


def test_parts_nobody_knows_count_as_the_text_they_are():
    assert bound([{"type": "made_up", "words": "word " * 1000}]) > 1000


def test_claudes_tokenizer_is_allowed_for_and_so_is_what_goes_before_tools():
    assert bound("word " * 1000, kind="anthropic") > 1.3 * bound("word " * 1000)
    body, raw = chat("hello", tools=[{"name": "look", "input_schema": {}}])
    assert tokens.upper_bound(body, raw, kind="anthropic") > 346 + tokens.upper_bound(body, raw, kind="openai")


@pytest.mark.parametrize("given_input", ["word " * 100, ["word"] * 100, list(range(100)), [list(range(50))] * 2])
def test_every_kind_of_embeddings_input_counts(given_input: Any):
    raw = msgspec.json.encode({"model": "m", "input": given_input})
    body = msgspec.json.decode(raw, type=bodies.EmbeddingsBody)
    assert tokens.upper_bound(body, raw, kind="openai") >= 100


def test_half_the_bound_is_what_is_likely_but_no_less_than_the_estimate():
    body, _ = chat("word " * 1000)
    assert tokens.likely(body, 10_000) == 5_000
    assert tokens.likely(body, 10) == tokens.of_request(body)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("The quick brown fox jumps over the lazy dog.", 11),
        ("我们今天去学校看书,明天再来。", 15),
        ("こんにちは、世界", 8),
        ("déjà", 2),
    ],
)
def test_what_a_model_has_written_is_estimated_by_its_script(text, count):
    assert tokens.estimate(tokens.written(text)) == count
