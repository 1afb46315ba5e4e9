"""A stream put together says what the whole answer says, and a whole answer told as a stream can be put together again, in both formats.

The SDKs' own models and accumulators say whether what comes out is valid.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter

from gateway.caching import replay
from gateway.caching.assembly import Assembly
from gateway.types import Surface

OPENAI, ANTHROPIC = Surface.OPENAI, Surface.ANTHROPIC
MUCH = 1_000_000
EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
LOGPROB = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}


def completion(finish: str = "stop", logprobs: Any = None, **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": "Hi there.", "refusal": None, **message}
    choice = {"index": 0, "message": said, "logprobs": logprobs, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 5, "model": "m", "system_fingerprint": "fp"}
    return {**head, "choices": [choice], "usage": USAGE}


CALLS = [
    {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}},
    {"id": "call_2", "type": "function", "function": {"name": "find", "arguments": "{}"}},
]
COMPLETIONS = [
    completion(),
    completion("tool_calls", content=None, tool_calls=CALLS),
    completion("tool_calls", content="Let me see.", tool_calls=CALLS[:1]),
    completion(reasoning_content="Hm.", thinking_blocks=[{"type": "thinking", "thinking": "Hm.", "signature": "s"}]),
    completion(logprobs={"content": [LOGPROB, LOGPROB], "refusal": None}),
    completion(content="“ü\n\u2028😀”"),
    completion(content="data: [DONE]\n\ndata: x"),
]


def message(*content: dict[str, Any], **fields: Any) -> dict[str, Any]:
    usage = {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": list(content)}
    return {**head, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage, **fields}


TEXT = {"type": "text", "text": "Hi there."}
THINKING = {"type": "thinking", "thinking": "Hm.", "signature": "sig"}
CITATION = {
    "type": "char_location", "cited_text": "x", "document_index": 0, "document_title": None, "start_char_index": 0, "end_char_index": 1,
    "file_id": None,
}  # fmt: skip
MESSAGES = [
    message(TEXT),
    message(
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": [1, {"b": None}]}}, stop_reason="tool_use"
    ),
    message(TEXT, {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}, stop_reason="tool_use"),
    message(THINKING, {"type": "redacted_thinking", "data": "xyz"}, TEXT),
    message({**TEXT, "citations": [CITATION, CITATION]}),
    message(TEXT, stop_reason="stop_sequence", stop_sequence="END"),
    message({"type": "text", "text": "“ü\n\u2028😀”"}),
]


def put_together(surface: Surface, stream: bytes, usage: dict[str, Any] | None = None, *, most: int = MUCH) -> Any:
    assembly = Assembly(surface, most_bytes=most)
    for block in stream.split(b"\n\n"):
        assembly.feed(block + b"\n\n")
    found = assembly.whole(usage)
    return None if found is None else json.loads(found)


def data_of(stream: bytes) -> list[bytes]:
    return [line[6:] for line in stream.split(b"\n") if line.startswith(b"data: ")]


@pytest.mark.parametrize("answer", COMPLETIONS)
@pytest.mark.parametrize("include_usage", [True, False])
def test_a_completion_told_as_a_stream_is_the_same_completion(answer: dict[str, Any], include_usage: bool):
    stream = replay.as_stream(OPENAI, json.dumps(answer).encode(), include_usage=include_usage)
    assert put_together(OPENAI, stream, USAGE) == answer
    *chunks, done = data_of(stream)
    assert done == b"[DONE]"
    parsed = [ChatCompletionChunk.model_validate_json(chunk) for chunk in chunks]
    assert {chunk.id for chunk in parsed} == {"chatcmpl-1"}
    assert bool(parsed[-1].usage) == include_usage
    assert all(("usage" in json.loads(chunk)) == include_usage for chunk in chunks)
    state = ChatCompletionStreamState()
    for chunk in parsed:
        state.handle_chunk(chunk)
    final = state.get_final_completion().choices[0]
    wanted = ChatCompletion.model_validate(answer).choices[0]
    assert (final.finish_reason, final.message.content) == (wanted.finish_reason, wanted.message.content)
    assert [call.function.arguments for call in final.message.tool_calls or ()] == [
        call.function.arguments for call in wanted.message.tool_calls or ()
    ]


@pytest.mark.parametrize("answer", MESSAGES)
def test_a_message_told_as_a_stream_is_the_same_message(answer: dict[str, Any]):
    stream = replay.as_stream(ANTHROPIC, json.dumps(answer).encode(), include_usage=False)
    assert put_together(ANTHROPIC, stream) == answer
    Message.model_validate(answer)
    events = [EVENT.validate_json(data) for data in data_of(stream)]
    names = [line[7:].decode() for line in stream.split(b"\n") if line.startswith(b"event: ")]
    assert names == [event.type for event in events]
    assert (names[0], names[-2:]) == ("message_start", ["message_delta", "message_stop"])
    assert names.count("content_block_start") == names.count("content_block_stop") == len(answer["content"])


def test_the_pieces_of_a_streamed_completion_are_joined():
    head = {"id": "c", "object": "chat.completion.chunk", "created": 5, "model": "m", "service_tier": "default"}
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": ""}}
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "Hi"},
        {"content": " there."},
        {"tool_calls": [call]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]},
    ]
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}], "obfuscation": "x"})
    chunks.append({**head, "choices": [], "usage": USAGE})
    stream = b"".join(b"data: %s\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b": note\n\ndata: [DONE]\n\n"
    assert put_together(OPENAI, stream) == {
        "id": "c",
        "object": "chat.completion",
        "created": 5,
        "model": "m",
        "service_tier": "default",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi there.", "refusal": None, "tool_calls": [CALLS[0]]},
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": USAGE,
    }


@pytest.mark.parametrize(
    "delta",
    [
        {"audio": {"id": "x"}},
        {"function_call": {"name": "x"}},
        {"x_future": "y"},
        {"tool_calls": [{"index": 0, "id": "1", "type": "custom", "custom": {"name": "x", "input": "y"}}]},
        {
            "tool_calls": [
                {"index": 0, "id": "1", "function": {"name": "a"}},
                {"index": 0, "id": "2", "function": {"name": "b"}},
            ]
        },
    ],
)
def test_a_completion_with_parts_whose_place_is_not_known_is_given_up(delta: dict[str, Any]):
    chunk = {"id": "c", "choices": [{"index": 0, "delta": {"content": "Hi", **delta}, "finish_reason": "stop"}]}
    assert put_together(OPENAI, b"data: %s\n\n" % json.dumps(chunk).encode()) is None


@pytest.mark.parametrize(
    "events",
    [
        [{"type": "content_block_delta", "index": 0, "delta": {"type": "x_delta", "x": "y"}}],
        [{"type": "content_block_delta", "index": 7, "delta": {"type": "text_delta", "text": "y"}}],
        [{"type": "x_future"}],
        [{"type": "error", "error": {"type": "overloaded_error", "message": "x"}}],
    ],
)
def test_a_message_with_parts_whose_place_is_not_known_is_given_up(events: list[dict[str, Any]]):
    begun = {"type": "message_start", "message": message()}
    start = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    stream = b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in [begun, start, *events])
    assert put_together(ANTHROPIC, stream) is None


@pytest.mark.parametrize(
    "stream", [b"", b": nothing\n\n", b"data: {\n\n", b"data: []\n\n", b"data: 5\n\n", b"data: {}\n\n"]
)
@pytest.mark.parametrize("surface", list(Surface))
def test_what_is_no_stream_is_no_answer(surface: Surface, stream: bytes):
    assert put_together(surface, stream) is None


def test_a_stream_that_tells_too_much_is_given_up():
    stream = replay.as_stream(OPENAI, json.dumps(completion(content="x" * 500)).encode(), include_usage=False)
    assert put_together(OPENAI, stream, most=499) is None
    assert put_together(OPENAI, stream, most=500) is not None


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"choices":[{}]}', b'{"choices":null}', b'{"content":[]}'])
@pytest.mark.parametrize("surface", list(Surface))
def test_what_is_no_answer_is_said_to_be_unreadable(surface: Surface, body: bytes):
    with pytest.raises(replay.Unreadable):
        replay.as_stream(surface, body, include_usage=False)
