"""What is summed up, under which name, and in which form it goes back in."""

from __future__ import annotations

import json

import pytest

from gateway.context import summaries
from gateway.types import Labels, Surface
from tests.gateway.context.optimising import policy
from tests.gateway.context.test_turns import assistant, calls, read, tool, user

POLICY = policy(summary_model="small", summary_tokens=150)
CONVERSATION = read(
    Surface.OPENAI,
    {"role": "system", "content": "Secret rules."},
    user("What is open?"),
    calls("a"),
    tool("a"),
    assistant("Nothing."),
    user("Why?"),
)


def test_the_request_holds_what_was_said_and_the_callers_labels():
    body = json.loads(
        summaries.request(CONVERSATION, 4, POLICY, Labels(end_user="ada", feature="desk", tags=("x", "y,z")))
    )
    assert body["model"] == "small"
    assert body["max_completion_tokens"] == 150
    assert body["metadata"] == {"feature": "context-summary", "user_id": "ada", "tags": ["x", "y,z"]}
    assert body["messages"][1]["content"] == (
        "<conversation>\nUser: What is open?\nAssistant: f({})\nTool: r\nAssistant: Nothing.\n</conversation>"
    )


def test_an_earlier_summary_stands_for_what_it_sums_up():
    body = json.loads(summaries.request(CONVERSATION, 4, POLICY, Labels(), earlier="All shut.", since=3))
    assert (
        body["messages"][1]["content"]
        == "<conversation>\nEarlier minutes:\nAll shut.\n\nAssistant: Nothing.\n</conversation>"
    )


def test_of_a_long_transcript_the_middle_is_left_out():
    long = read(Surface.OPENAI, user("a" * 50_000), assistant("b" * 50_000), user("c"))
    text = json.loads(summaries.request(long, 2, POLICY, Labels()))["messages"][1]["content"]
    assert len(text) < summaries.MOST_CHARACTERS + 100
    assert "\n[…]\n" in text
    assert text.count("a") > 29_000


def test_the_name_tells_of_the_messages_the_model_and_the_length():
    same = summaries.digest(CONVERSATION, 4, POLICY)
    assert same == summaries.digest(CONVERSATION, 4, policy(summary_model="small", summary_tokens=150, keep_messages=3))
    others = {
        summaries.digest(CONVERSATION, 3, POLICY),
        summaries.digest(CONVERSATION, 4, policy(summary_model="large", summary_tokens=150)),
        summaries.digest(CONVERSATION, 4, policy(summary_model="small", summary_tokens=151)),
    }
    assert len({same, *others}) == 4


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b'{"choices":[{"message":{"content":" Nothing is open. "}}]}', "Nothing is open."),
        (b'{"choices":[{"message":{"content":null}}]}', ""),
        (b'{"choices":[]}', ""),
        (b'{"id":"x"}', ""),
        (b"nonsense", ""),
    ],
)
def test_reads_the_answer(answer, text):
    assert summaries.read_answer(answer) == text
