"""Streams in the other format: every event in its right order, and the same message as the whole answer."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.providers.translate.chat_stream import ChatFromMessages
from gateway.providers.translate.messages_stream import MessagesFromChat
from gateway.providers.translate.types import MalformedUpstream, UpstreamStreamError
from gateway.types import Usage
from tests.gateway.providers.translate.stream_cases import (
    CONTENT,
    USAGE,
    anthropic_events,
    call,
    chunk,
    folded_chat,
    folded_message,
    run_to_chat,
    run_to_messages,
)


def test_anthropic_s_stream_folds_to_the_same_message_as_its_whole_answer():
    stream, chunks = run_to_chat(anthropic_events(CONTENT, stop="tool_use"))
    message = folded_chat(chunks)
    assert message["content"] == "Hello there, grüß dich 🙂"
    assert message["reasoning_content"] == "let me think"
    assert message["thinking_blocks"] == [CONTENT[0]]
    calls = [(call["id"], call["name"], json.loads(call["arguments"])) for call in message["tool_calls"].values()]
    assert calls == [("t1", "f", {"a": [1, 2], "b": "x"}), ("t2", "g", {})]
    assert message["finish"] == "tool_calls"
    assert stream.usage == Usage(input_tokens=14, cache_read_tokens=4, output_tokens=7)
    assert stream.is_complete


def test_chunks_come_in_openai_s_order():
    _, chunks = run_to_chat(anthropic_events([{"type": "text", "text": "hey"}]))
    deltas = [chunk["choices"][0]["delta"] if chunk["choices"] else "usage" for chunk in chunks]
    assert deltas == [{"role": "assistant", "content": "", "refusal": None}, {"content": "hey"}, {}, "usage"]
    assert chunks[-1]["usage"]["total_tokens"] == 21
    assert {chunk["id"] for chunk in chunks} == {"chatcmpl-1"}
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None, None, "stop"]


def test_a_call_without_arguments_has_an_empty_object_of_them():
    """Anthropic streams one empty piece, or none; an OpenAI app parses what it gets as JSON."""
    events = anthropic_events([{"type": "tool_use", "id": "t", "name": "f", "input": {}}], stop="tool_use")
    for event in events:
        if event["type"] == "content_block_delta":
            event["delta"]["partial_json"] = ""
    _, chunks = run_to_chat(events)
    assert folded_chat(chunks)["tool_calls"] == {0: {"id": "t", "name": "f", "arguments": "{}"}}


def test_signed_blocks_come_once_together_before_the_end():
    sealed = {"type": "redacted_thinking", "data": "sealed"}
    signed = {"type": "thinking", "thinking": "hm", "signature": "s"}
    events = anthropic_events([signed, {"type": "text", "text": "x"}])
    events[2:2] = [
        {"type": "content_block_start", "index": 0, "content_block": sealed},
        {"type": "content_block_stop", "index": 0},
    ]
    _, chunks = run_to_chat(events)
    told = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    assert [delta["thinking_blocks"] for delta in told if "thinking_blocks" in delta] == [[sealed, signed]]
    assert told[-2] == {"thinking_blocks": [sealed, signed]}


@pytest.mark.parametrize(
    "event",
    [
        {"type": "message_start"},
        {"type": "content_block_start", "index": 0},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use"}},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "server_tool_use", "id": "1", "name": "x"},
        },
    ],
)
def test_events_out_of_place_are_malformed(event):
    stream = ChatFromMessages(model="m", include_usage=False)
    if event["type"] == "content_block_start":
        stream.feed(b'{"type":"message_start","message":{"id":"msg_1"}}')
    with pytest.raises(MalformedUpstream):
        stream.feed(msgspec.json.encode(event))


def test_unknown_events_are_passed_over():
    stream = ChatFromMessages(model="m", include_usage=False)
    assert stream.feed(b'{"type":"brand_new","index":0}') == b""


def test_what_was_produced_is_counted_by_its_script():
    stream, _ = run_to_chat(anthropic_events(CONTENT, stop="tool_use"))
    said = "let me think" + "Hello there, grüß dich 🙂" + json.dumps({"a": [1, 2], "b": "x"}) + "{}"
    assert stream.produced_bytes == len(said.encode()) + 1  # a character of three bytes or more counts one more


def test_usage_comes_only_to_who_asked():
    _, chunks = run_to_chat(anthropic_events([{"type": "text", "text": "hey"}]), include_usage=False)
    assert all(chunk["choices"] for chunk in chunks)


def test_a_refusal_is_told():
    events = anthropic_events([{"type": "text", "text": "I"}], stop="refusal")
    _, chunks = run_to_chat(events)
    assert chunks[-3]["choices"][0]["delta"] == {"refusal": "The model declined to answer."}
    assert chunks[-2]["choices"][0]["finish_reason"] == "content_filter"


def test_openai_s_stream_in_anthropic_s_order():
    stream, events = run_to_messages(
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "hm"}),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk({"tool_calls": [call(0, "", id="c1", name="f")]}),
        chunk({"tool_calls": [call(0, '{"n":')]}),
        chunk({"tool_calls": [call(0, "1}")]}),
        chunk({"tool_calls": [call(1, "{}", id="c2", name="g")]}),
        chunk({}, finish="tool_calls"),
        chunk(usage=USAGE),
    )
    assert folded_message(events) == [
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "text", "text": "Hello"},
        {"type": "tool_use", "id": "c1", "name": "f", "input": {"n": 1}},
        {"type": "tool_use", "id": "c2", "name": "g", "input": {}},
    ]
    assert events[-2]["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}
    assert events[-2]["usage"]["input_tokens"] == 10
    assert (events[-2]["usage"]["cache_read_input_tokens"], events[-2]["usage"]["output_tokens"]) == (4, 7)
    assert stream.usage == Usage(input_tokens=14, cache_read_tokens=4, output_tokens=7)


def test_interleaved_calls_are_told_one_after_the_other():
    _, events = run_to_messages(
        chunk({"tool_calls": [call(0, '{"a":', id="c1", name="f"), call(1, '{"b":', id="c2", name="g")]}),
        chunk({"tool_calls": [call(1, "2}")]}),
        chunk({"tool_calls": [call(0, "1}")]}),
        chunk({}, finish="tool_calls"),
    )
    assert [(block["id"], block["input"]) for block in folded_message(events)] == [("c1", {"a": 1}), ("c2", {"b": 2})]


@settings(deadline=None)
@given(st.permutations([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]))
def test_however_calls_interleave_each_comes_whole(order):
    pieces = ['{"n"', ": ", "%d}"]
    sent = dict.fromkeys(range(3), 0)
    chunks = []
    for number, _ in order:
        part = pieces[sent[number]] % number if sent[number] == 2 else pieces[sent[number]]
        head = {"id": f"c{number}", "name": "f"} if sent[number] == 0 else {}
        chunks.append(chunk({"tool_calls": [call(number, part, **head)]}))
        sent[number] += 1
    _, events = run_to_messages(*chunks, chunk({}, finish="tool_calls"))
    begun = list(dict.fromkeys(number for number, _ in order))
    assert [(block["id"], block["input"]["n"]) for block in folded_message(events)] == [(f"c{n}", n) for n in begun]


def test_calls_whose_heads_come_before_any_arguments():
    _, events = run_to_messages(
        chunk({"tool_calls": [call(0, "", id="c1", name="f"), call(1, "", id="c2", name="g")]}),
        chunk({"tool_calls": [call(0, '{"a":1}'), call(1, '{"b":2}')]}),
        chunk({"tool_calls": [call(0, "\n")]}),
        chunk({}, finish="tool_calls"),
    )
    assert [(block["id"], block["input"]) for block in folded_message(events)] == [("c1", {"a": 1}), ("c2", {"b": 2})]


def test_calls_of_one_index_are_told_apart_by_their_ids():
    _, events = run_to_messages(
        chunk({"tool_calls": [call(0, '{"a":1}', id="c1", name="f")]}),
        chunk({"tool_calls": [call(0, '{"b":2}', id="c2", name="g")]}),
        chunk({}, finish="tool_calls"),
    )
    assert [(block["id"], block["input"]) for block in folded_message(events)] == [("c1", {"a": 1}), ("c2", {"b": 2})]


def test_words_within_a_call_wait_for_its_end():
    _, events = run_to_messages(
        chunk({"tool_calls": [call(0, '{"a":', id="c1", name="f")]}),
        chunk({"content": "by the "}),
        chunk({"content": "way"}),
        chunk({"tool_calls": [call(0, "1}")]}),
        chunk({}, finish="tool_calls"),
    )
    assert folded_message(events) == [
        {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
        {"type": "text", "text": "by the way"},
    ]


def test_a_call_demanded_by_name_stops_for_tool_use():
    _, events = run_to_messages(chunk({"tool_calls": [call(0, "{}", id="c1", name="f")]}), chunk({}, finish="stop"))
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


def test_a_call_without_an_id_gets_one():
    _, events = run_to_messages(chunk({"tool_calls": [call(0, "{}", id="", name="f")]}), chunk({}, finish="stop"))
    assert folded_message(events)[0]["id"].startswith("toolu_")


def test_a_server_that_says_reasoning():
    _, events = run_to_messages(chunk({"reasoning": "hm"}), chunk({"content": "x"}), chunk({}, finish="stop"))
    assert folded_message(events)[0] == {"type": "thinking", "thinking": "hm", "signature": ""}


def test_a_first_chunk_without_an_id_does_not_name_the_message():
    _, events = run_to_messages(
        msgspec.json.encode({"id": "", "choices": [], "prompt_filter_results": []}),
        chunk({"content": "x"}),
        chunk({}, finish="stop"),
    )
    assert events[0]["message"]["id"] == "msg_1"


@pytest.mark.parametrize(
    "late", [call(0, "1"), call(1, "{}")], ids=["arguments after the end", "a call without a name"]
)
def test_calls_that_make_no_sense_are_malformed(late):
    stream = MessagesFromChat(model="m")
    stream.feed(chunk({"tool_calls": [call(0, "{}", id="c1", name="f")]}))
    stream.feed(chunk({"content": "x"}))
    with pytest.raises(MalformedUpstream):
        stream.feed(chunk({"tool_calls": [late]}))


def test_a_stream_without_done_ends_properly():
    stream, events = run_to_messages(chunk({"content": "x"}), chunk({}, finish="length"), done=False)
    assert stream.is_complete
    assert (events[-2]["delta"]["stop_reason"], events[-1]["type"]) == ("max_tokens", "message_stop")


def test_a_refusal_from_openai():
    _, events = run_to_messages(chunk({"refusal": "no"}), chunk({}, finish="stop"))
    assert events[-2]["delta"]["stop_reason"] == "refusal"
    assert folded_message(events) == [{"type": "text", "text": "no"}]


def test_errors_within_a_stream():
    with pytest.raises(UpstreamStreamError, match="too much"):
        ChatFromMessages(model="m", include_usage=False).feed(
            b'{"type":"error","error":{"type":"overloaded_error","message":"too much"}}'
        )
    with pytest.raises(UpstreamStreamError, match="too much"):
        MessagesFromChat(model="m").feed(b'{"error":{"message":"too much"}}')


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"type":7,"choices":7}'])
def test_what_is_no_event_is_malformed(data):
    with pytest.raises(MalformedUpstream):
        ChatFromMessages(model="m", include_usage=False).feed(data)
    with pytest.raises(MalformedUpstream):
        MessagesFromChat(model="m").feed(data)


@settings(deadline=None)
@given(
    st.text(max_size=60),
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3),
    st.integers(1, 9),
)
def test_any_text_and_arguments_survive_both_ways(text, given_input, piece):
    content = [{"type": "text", "text": text}, {"type": "tool_use", "id": "t", "name": "f", "input": given_input}]
    _, chunks = run_to_chat(anthropic_events(content, stop="tool_use", piece=piece))
    stream = MessagesFromChat(model="m")
    out = b"".join(stream.feed(msgspec.json.encode(item)) for item in chunks) + stream.feed(b"[DONE]")
    events = [json.loads(block.partition(b"\ndata: ")[2]) for block in out.split(b"\n\n") if block]
    assert folded_message(events) == ([content[0]] if text else []) + [content[1]]
