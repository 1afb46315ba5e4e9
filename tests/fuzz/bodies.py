"""Bodies that are nearly right: valid ones of each endpoint, changed in a few places in ways that readers of JSON stumble over."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
EMBEDDINGS, COUNT, EXPLAIN = "/v1/embeddings", "/v1/messages/count_tokens", "/v1/route/explain"
NOWHERE = "data:image/png;base64,iVBORw0KGgo="
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def _tool_turns(model: str) -> dict[str, Any]:
    called = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
    return {
        "model": model,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [{"type": "text", "text": "Weather?"}, {"type": "image_url", "image_url": {"url": NOWHERE}}],
            },
            {"role": "assistant", "content": None, "tool_calls": [called]},
            {"role": "tool", "tool_call_id": "c1", "content": "Sunny."},
        ],
        "tools": [{"type": "function", "function": {"name": "weather", "description": "x", "parameters": SCHEMA}}],
        "tool_choice": "auto",
        "max_completion_tokens": 20,
    }


def _block_turns(model: str) -> dict[str, Any]:
    return {
        "model": model,
        "max_tokens": 20,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Rome"}}],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "Sunny."}]}
                ],
            },
        ],
        "tools": [{"name": "weather", "description": "x", "input_schema": SCHEMA}],
        "metadata": {"user_id": "ada"},
    }


def _valid(openai: str, anthropic: str, embeddings: str) -> list[tuple[str, dict[str, Any]]]:
    hi = [{"role": "user", "content": "hi"}]
    found: list[tuple[str, dict[str, Any]]] = []
    for model in (openai, anthropic):
        found += [
            (CHAT, {"model": model, "messages": hi, "max_tokens": 20}),
            (CHAT, {"model": model, "messages": hi, "max_tokens": 20, "stream": True, "stream_options": {"include_usage": True}}),
            (CHAT, _tool_turns(model)),
            (CHAT, {**_tool_turns(model), "stream": True}),
            (CHAT, {"model": model, "messages": hi, "max_tokens": 20, "metadata": {"user_id": "u", "feature": "f", "tags": ["a"]},
                    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}},
                    "temperature": 0.5, "top_p": 0.9, "n": 1, "stop": ["x"], "seed": 1, "user": "ada", "logprobs": False}),
            (MESSAGES, {"model": model, "max_tokens": 20, "messages": hi}),
            (MESSAGES, {"model": model, "max_tokens": 20, "messages": hi, "stream": True}),
            (MESSAGES, _block_turns(model)),
            (MESSAGES, {**_block_turns(model), "stream": True, "temperature": 1, "stop_sequences": ["x"], "top_k": 5}),
        ]  # fmt: skip
    found.append((EMBEDDINGS, {"model": embeddings, "input": ["a", "b"], "encoding_format": "float", "user": "ada"}))
    for model in (openai, anthropic):
        found.append((COUNT, {key: value for key, value in _block_turns(model).items() if key != "max_tokens"}))
    return found


class Raw(str):
    """Text that stands in the body as it is, and not as a JSON string."""


def _deep(depth: int, is_list: bool) -> Any:
    return Raw("[" * depth + "]" * depth if is_list else '{"a":' * depth + "0" + "}" * depth)


NUMBERS = [0, -1, 1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**40, 0.1, -0.0, 1e308]
RAW = ["NaN", "-Infinity", "1e999", "01", "'x'", "1" * 5000, '"\\ud800"', '"\\u0000"']
TEXTS = ["", " ", "\0", "a\nb\r\n\x1b[2J", "\u202e", "{{ 7*7 }}", "<script>", "' OR 1=1 --", "../../etc/passwd", "%s%n", "task/none",
         "x" * 300, "é" * 5_000, "🙂" * 200, "http://169.254.169.254/", "data:image/png;base64,####", "[DONE]", "data: x\n\n"]  # fmt: skip
SHAPES: list[Any] = [
    [],
    {},
    [None],
    [[]],
    {"": 1},
    {"type": "text"},
    {"type": "x"},
    [{"type": "text", "text": None}],
    {"role": "user"},
]
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5))
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(NUMBERS),
    st.sampled_from([Raw(text) for text in RAW]),
    st.sampled_from(TEXTS),
    st.text(max_size=20),
    st.builds(_deep, st.sampled_from([1, 40, 900, 5000]), st.booleans()),
    st.sampled_from(SHAPES),
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ),
)
FIELDS = st.sampled_from(
    ["stream", "n", "max_tokens", "max_completion_tokens", "metadata", "user", "tools", "tool_choice", "system", "thinking", "functions",
     "response_format", "output_config", "output_format", "stop", "api_key", "api_base", "base_url", "extra_body", "x-tollgate-user",
     "cache_control", "service_tier", "safety_identifier", "messages", "model", "input", "dimensions", "stream_options", "__proto__", ""]
)  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for name, inner in value.items():
            found += _places(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += _places(inner, (*path, index))
    return found


def _holder(body: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        body = body[step]
    return body


def _encoded(value: Any) -> str:
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_encoded(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_encoded, value)) + "]"
    return json.dumps(value)


def _changed(draw: Any, body: dict[str, Any]) -> None:
    places = _places(body)
    how = draw(st.sampled_from(["put", "put", "put", "add", "drop", "double", "swap"]))
    if how == "add" or not places:
        body[draw(FIELDS)] = copy.deepcopy(draw(JUNK))
        return
    path = draw(st.sampled_from(places))
    holder, last = _holder(body, path), path[-1]
    if how == "put":
        holder[last] = copy.deepcopy(draw(JUNK))
    elif how == "drop":
        del holder[last]
    elif how == "double" and isinstance(holder, list):
        holder[last:last] = [holder[last]] * draw(st.sampled_from([1, 2, 100]))
    elif isinstance(holder, dict):
        other = draw(st.sampled_from(places))
        holder[last] = copy.deepcopy(_holder(body, other)[other[-1]])


@st.composite
def bodies(draw: Any, openai: str, anthropic: str, embeddings: str) -> tuple[str, bytes]:
    """(path, body)."""
    path, body = copy.deepcopy(draw(st.sampled_from(_valid(openai, anthropic, embeddings))))
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 1, 2, 2, 3]))):
        _changed(draw, body)
    content = _encoded(body).encode("utf-8", "surrogatepass")
    spoil = draw(st.sampled_from([*[""] * 18, "cut", "byte", "twice", "space", "mark", "other"]))
    at = draw(st.integers(0, len(content)))
    if spoil == "cut":
        content = content[:at]
    elif spoil == "byte":
        content = content[:at] + draw(st.binary(min_size=1, max_size=3)) + content[at + 1 :]
    elif spoil == "twice":  # the same names once more
        content = content[:-1] + b"," + content[1:]
    elif spoil == "space":
        content = b" \t\r\n" * 50 + content + b"\n" * 50
    elif spoil == "mark":
        content = b"\xef\xbb\xbf" + content
    elif spoil == "other":  # to an endpoint that it is not for
        path = draw(st.sampled_from([CHAT, MESSAGES, EMBEDDINGS, COUNT, EXPLAIN]))
    return path, content
