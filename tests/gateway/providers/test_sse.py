"""Cutting a provider's stream into events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.sse import Event, EventTooLarge, Splitter


def test_keeps_an_event_until_it_is_whole():
    splitter = Splitter()
    assert splitter.feed(b"data: a") == []
    assert splitter.has_rest
    assert splitter.feed(b"bc\n") == []
    assert splitter.feed(b"\ndata: d\n\n") == [Event("", b"abc", b"data: abc\n\n"), Event("", b"d", b"data: d\n\n")]
    assert not splitter.has_rest


def test_reads_names_comments_and_data_over_several_lines():
    events = Splitter().feed(b"event: ping\ndata: {}\n\n: hello\n\ndata:x\ndata: y\nid: 3\n\n")
    assert [(event.name, event.data) for event in events] == [("ping", b"{}"), ("", b""), ("", b"x\ny")]
    assert events[1].raw == b": hello\n\n"


@pytest.mark.parametrize(
    ("block", "raw"),
    [
        (b": x-tollgate-cost-usd 0", b":"),
        (b":X-Tollgate-Cost-Usd 0", b":"),
        (b": a\n: x-tollgate-cost-usd 0\ndata: x", b": a\n:\ndata: x"),
        (b": x-tollgate-a\n: x-tollgate-b", b":\n:"),
        (b": say x-tollgate", b": say x-tollgate"),
        (b"data: : x-tollgate-cost-usd 0", b"data: : x-tollgate-cost-usd 0"),
    ],
)
def test_a_comment_that_pretends_to_be_ours_is_emptied(block: bytes, raw: bytes):
    (event,) = Splitter().feed(block + b"\n\n")
    assert event.raw == raw + b"\n\n"


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_takes_every_line_ending_even_cut_in_two(end):
    stream = b"event: a" + end + b"data: 1" + end + end + b"data: 2" + end + end
    splitter = Splitter()
    events = [event for index in range(len(stream)) for event in splitter.feed(stream[index : index + 1])]
    events += splitter.feed(b"\n" if end == b"\r" else b"")
    assert [(event.name, event.data) for event in events] == [("a", b"1"), ("", b"2")]


@given(st.lists(st.binary(max_size=20).filter(lambda b: not set(b) & set(b"\r\n"))), st.lists(st.integers(1, 30)))
def test_where_the_chunks_are_cut_makes_no_difference(payloads, cuts):
    stream = b"".join(b"data: " + payload + b"\n\n" for payload in payloads)
    splitter, events, position = Splitter(), [], 0
    for cut in cuts:
        events += splitter.feed(stream[position : position + cut])
        position += cut
    events += splitter.feed(stream[position:])
    assert [event.data for event in events] == payloads
    assert b"".join(event.raw for event in events) == stream


def test_refuses_an_event_without_an_end():
    with pytest.raises(EventTooLarge):
        Splitter().feed(b"x" * (16 * 1024 * 1024 + 1))
