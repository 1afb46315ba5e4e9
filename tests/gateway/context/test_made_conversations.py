"""What the policies are for: a third to a half of the input saved, no tool call without its result, and what is asked for still there."""

from __future__ import annotations

import json

import pytest

from gateway.context import turns
from gateway.types import Endpoint
from simulator import chat_requests, messages_requests
from tests.gateway.context import conversations, words
from tests.gateway.context.optimising import optimised, policy, running, snapshot

CASES = conversations.cases()
GENTLE = {"keep_messages": 30, "relevant_turns": 8, "least_similarity": 0.25}
CAREFUL = {"keep_messages": 20, "relevant_turns": 6, "least_similarity": 0.25}
SPACE = {"collapses_whitespace": True, "drops_repetition": True}


def counted(endpoint: Endpoint, content: bytes) -> int:
    """Tokens by the simulator, which refuses what the provider would: a call without its result, say."""
    parse = chat_requests.parse if endpoint is Endpoint.CHAT else messages_requests.parse
    return sum(section.tokens for section in parse(json.loads(content)).sections)


def test_the_set_is_as_described():
    sizes = [len(case.body["messages"]) for case in CASES]
    assert len(CASES) == 32
    assert min(sizes) >= 20
    assert max(sizes) <= 80
    assert [case.endpoint for case in CASES].count(Endpoint.CHAT) == 16
    assert all(case.fact in case.content.decode() for case in CASES)
    assert all(case.fact not in json.dumps(case.body["messages"][-1]) for case in CASES)
    assert conversations.cases() == CASES


@pytest.mark.parametrize(("fields", "least", "most"), [(GENTLE, 0.30, 0.50), (CAREFUL, 0.50, 0.60)])
async def test_saves_as_much_as_documented_and_keeps_every_needed_fact(fields, least, most):
    before = after = 0
    async with running(words.embed) as runtime:
        for case in CASES:
            kind = "openai" if case.endpoint is Endpoint.CHAT else "anthropic"
            given = snapshot(policy(**SPACE, **fields), kind=kind)
            _, came, goes = await optimised(case.endpoint, case.content, given, runtime)
            before += counted(case.endpoint, came.content)
            after += counted(case.endpoint, goes.content)
            assert case.fact in goes.content.decode(), case.name
            assert goes.body.messages[-1] == came.body.messages[-1]
            conversation = turns.read(goes.raw["messages"], case.endpoint.surface)  # raises if a pair is torn
            assert conversation.messages[conversation.last_words].data == case.body["messages"][-1]
    assert least <= (before - after) / before <= most


async def test_without_relevance_facts_are_lost():
    """So the test above would notice if what is brought back were the wrong turns."""
    lost = 0
    async with running(words.embed) as runtime:
        for case in CASES:
            given = snapshot(policy(keep_messages=10))
            _, _, goes = await optimised(case.endpoint, case.content, given, runtime)
            lost += case.fact not in goes.content.decode()
    assert lost > 10
