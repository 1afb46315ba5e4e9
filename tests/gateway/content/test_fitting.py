"""A prompt or an answer as it is stored: whole where it can be, honest about it where it cannot."""

from __future__ import annotations

import json

from gateway.content import fitting, reading
from gateway.types import Endpoint


def prompt(body: object, *, redacts: bool = True) -> fitting.Fitted:
    content = json.dumps(body).encode()
    return fitting.prompt(content, whole_bytes=len(content), redacts=redacts)


def test_stays_a_json_document_when_something_is_left_out():
    found = prompt({"messages": [{"role": "user", "content": "I am a@b.example"}], "user_no": 4111111111111111})
    assert json.loads(found.text) == {"messages": [{"role": "user", "content": "I am [email]"}], "user_no": "[card]"}
    assert found.redactions == {"email": 1, "card": 1}
    assert not found.is_cut


def test_is_as_it_came_where_nothing_is_to_be_left_out():
    found = prompt({"content": "I am a@b.example"}, redacts=False)
    assert json.loads(found.text) == {"content": "I am a@b.example"}
    assert not found.redactions


def test_says_of_media_and_vectors_what_they_were():
    found = prompt({"url": "data:image/png;base64," + "A" * 5000, "embedding": [0.5] * 1536})
    assert json.loads(found.text) == {"url": "[image/png, 5,022 characters]", "embedding": "[1,536 numbers]"}
    assert not found.is_cut


def test_a_long_text_is_cut_and_says_so():
    found = prompt({"messages": [{"role": "user", "content": "word " * 100_000}, {"role": "user", "content": "Why?"}]})
    assert found.is_cut
    assert len(found.text) <= fitting.MOST_CHARACTERS
    first, last = json.loads(found.text)["messages"]
    assert first["content"].endswith("… [400,000 characters more]")
    assert last["content"] == "Why?"


def test_what_did_not_come_whole_is_no_json_and_is_a_text():
    found = fitting.prompt(b'{"content": "a@b.exa', whole_bytes=100, redacts=True)
    assert found.is_cut
    assert found.text == '{"content": "[email]'


def chunks(*texts: str) -> bytes:
    events = [{"id": "c1", "choices": [{"index": 0, "delta": {"content": text}}]} for text in texts]
    return b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in events)


def test_a_stream_is_stored_as_the_answer_that_it_tells():
    events = chunks("Hel", "lo, a@b", ".example") + b"data: [DONE]\n\n"
    found = fitting.answer(events, whole_bytes=len(events), endpoint=Endpoint.CHAT, is_stream=True, redacts=True)
    (turn,) = reading.answered(found.text)
    assert [part.text for part in turn.parts] == ["Hello, [email]"]
    assert not found.is_cut


def test_a_stream_that_broke_off_is_stored_as_far_as_it_came():
    events = chunks("Hel", "lo")
    found = fitting.answer(
        events + b'data: {"cho', whole_bytes=9_000_000, endpoint=Endpoint.CHAT, is_stream=True, redacts=True
    )
    (turn,) = reading.answered(found.text)
    assert turn.parts[0].text == "Hello"
    assert found.is_cut


def test_both_formats_are_read_as_turns():
    body = {
        "system": "Be brief.",
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "Look"}, {"type": "image", "source": {"type": "url"}}],
            },
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "find", "input": {"q": 1}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "found"}]},
        ],
    }
    turns = list(reading.asked(json.dumps(body)))
    assert [(turn.role, [part.kind for part in turn.parts]) for turn in turns] == [
        ("system", ["text"]), ("user", ["text", "media"]), ("assistant", ["tool_call"]), ("user", ["tool_result"]),
    ]  # fmt: skip
    answer = {"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "find", "arguments": "{}"}}]}}]}  # fmt: skip
    (turn,) = reading.answered(json.dumps(answer))
    assert [(part.kind, part.name, part.text) for part in turn.parts] == [("tool_call", "find", "{}")]
