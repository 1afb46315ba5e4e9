"""The step as a whole: its order, what it leaves alone, and what it does when something it would like to have is not there."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from gateway.pipeline import context_optimizer
from gateway.types import ContextChange, Endpoint
from tests.gateway.context import words
from tests.gateway.context.optimising import TENANT, exchange_for, optimised, policy, running, snapshot

CHAT, MESSAGES = Endpoint.CHAT, Endpoint.MESSAGES
FILL = "Nothing of interest happened on that day either. " * 5 + "Indeed."
MARK = {"cache_control": {"type": "ephemeral"}}


def talk(count: int, *, last: str = "And now?", **said: str) -> list[dict[str, Any]]:
    """Rounds q0, a0, q1, a1, ...; `said` puts other words in."""
    messages = []
    for number in range(count):
        messages.append({"role": "user", "content": said.get(f"q{number}", f"Question {number}. {FILL}")})
        messages.append({"role": "assistant", "content": said.get(f"a{number}", f"Answer {number}. {FILL}")})
    return [*messages, {"role": "user", "content": last}]


def content(messages: list[dict[str, Any]], **more: Any) -> bytes:
    return json.dumps({"model": "task/desk", "max_tokens": 50, "messages": messages, **more}).encode()


async def run(
    endpoint: Endpoint,
    messages: list[dict[str, Any]],
    *,
    plan_tokens: int | None = None,
    kind: str = "openai",
    **fields: Any,
):
    """What became of the context, and the messages that go on."""
    embed = fields.pop("embed", None)
    more = fields.pop("more", {})
    async with running(embed) as runtime:
        given = snapshot(policy(**fields), kind=kind, plan_tokens=plan_tokens)
        exchange, came, goes = await optimised(endpoint, content(messages, **more), given, runtime)
    return exchange.context, json.loads(goes.content)["messages"], came, goes


async def test_the_same_object_goes_on_where_nothing_changes():
    context, _, came, goes = await run(
        CHAT, talk(3), keep_messages=10, collapses_whitespace=True, drops_repetition=False
    )
    assert goes is came
    assert context == ContextChange(context.tokens_before, context.tokens_before, kept=7, dropped=0)


async def test_messages_that_stay_keep_their_bytes():
    given = (
        b'{"model":"task/desk","max_tokens":5,"messages":[%s,{"role" : "user",  "content":"\\u00e9","x":1.50}]}'
        % b",".join(msgspec.json.encode(message) for message in talk(9)[:-1])
    )
    async with running() as runtime:
        _, _, goes = await optimised(CHAT, given, snapshot(policy(keep_messages=1, block_messages=1)), runtime)
    assert bytes(goes.raw["messages"]) == b'[{"role" : "user",  "content":"\\u00e9","x":1.50}]'


@pytest.mark.parametrize("name", ["gpt-4o", "task/other", "task/"])
async def test_only_the_tasks_own_requests_are_touched(name):
    exchange, request = exchange_for(
        CHAT, json.dumps({"model": name, "messages": talk(9)}).encode(), snapshot(policy(keep_messages=1))
    )
    assert context_optimizer.policy_of(exchange, request) is None


async def test_embeddings_and_counts_are_never_touched():
    given = snapshot(policy(keep_messages=1))
    for endpoint, body in (
        (Endpoint.EMBEDDINGS, {"model": "task/desk", "input": "x"}),
        (Endpoint.COUNT_TOKENS, {"model": "task/desk", "messages": talk(9)}),
    ):
        exchange, request = exchange_for(endpoint, json.dumps(body).encode(), given)
        assert context_optimizer.policy_of(exchange, request) is None


async def test_the_plans_limit_is_fitted_as_the_policys_own():
    for own, plan in ((600, None), (None, 600), (600, 5000), (5000, 600)):
        context, messages, *_ = await run(CHAT, talk(20), fits_budget=True, max_input_tokens=own, plan_tokens=plan)
        assert context.tokens_after <= 600 < context.tokens_before
        assert messages[-1]["content"] == "And now?"
    context, _, came, goes = await run(CHAT, talk(20), fits_budget=False, max_input_tokens=600, plan_tokens=600)
    assert goes is came


async def test_anthropics_tokens_are_counted_by_anthropics_bound():
    few, *_ = await run(MESSAGES, talk(20), fits_budget=True, max_input_tokens=2000, kind="anthropic")
    many, *_ = await run(MESSAGES, talk(20), fits_budget=True, max_input_tokens=2000, kind="openai")
    assert few.tokens_before > many.tokens_before
    assert few.kept <= many.kept
    assert few.tokens_after <= 2000


async def test_a_long_run_of_tool_steps_is_cut_within_its_round():
    messages = talk(1, last="Go through all of them.")
    for number in range(30):
        messages.append(
            {"role": "assistant", "content": [{"type": "tool_use", "id": f"t{number}", "name": "f", "input": {}}]}
        )
        messages.append(
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"t{number}", "content": FILL}]}
        )
    context, sent, *_ = await run(MESSAGES, messages, keep_messages=6, block_messages=1)
    assert sent == [messages[2], *messages[-6:]]
    assert (context.kept, context.dropped) == (7, 56)


async def test_what_is_marked_for_the_cache_is_left_alone_by_all_but_the_budget():
    marked = {"role": "user", "content": [{"type": "text", "text": f"The   manual. {FILL * 3}", **MARK}]}
    messages = [marked, {"role": "assistant", "content": "Read."}, *talk(20)]
    context, sent, *_ = await run(
        MESSAGES, messages, keep_messages=4, block_messages=1, collapses_whitespace=True, drops_repetition=True
    )
    assert sent[:2] == messages[:2]
    assert len(sent) == 7
    for most, stays in ((600, True), (150, False)):
        context, sent, *_ = await run(MESSAGES, messages, fits_budget=True, max_input_tokens=most)
        assert (marked in sent) is stays
        assert context.tokens_after <= most
    everything = [*talk(20)[:-1], {"role": "user", "content": [{"type": "text", "text": "And now?", **MARK}]}]
    context, sent, came, goes = await run(
        MESSAGES, everything, keep_messages=4, block_messages=1, collapses_whitespace=True
    )
    assert goes is came


async def test_what_resembles_the_question_comes_back_in_its_place():
    messages = talk(
        20, last="What was the wifi passphrase?", a3="The wifi passphrase is KESTREL.", a9="The lift is red."
    )
    context, sent, *_ = await run(
        CHAT, messages, embed=words.embed, keep_messages=4, block_messages=1, relevant_turns=1
    )
    assert sent == [*messages[6:8], *messages[36:]]
    assert (context.kept, context.dropped, context.relevant) == (7, 34, 1)
    context, sent, *_ = await run(
        CHAT, messages, embed=words.embed, keep_messages=4, block_messages=1, relevant_turns=5, least_similarity=0.99
    )
    assert context.relevant == 0


async def test_nothing_comes_back_for_which_there_is_no_room():
    messages = talk(
        20, last="What was the wifi passphrase?", a3=f"The wifi passphrase is KESTREL. {'wifi passphrase ' * 300}"
    )
    context, sent, *_ = await run(
        CHAT,
        messages,
        embed=words.embed,
        keep_messages=4,
        block_messages=1,
        relevant_turns=1,
        fits_budget=True,
        max_input_tokens=700,
    )
    assert "KESTREL" not in json.dumps(sent)
    assert context.tokens_after <= 700


async def test_goes_on_without_embeddings_that_are_late_or_missing():
    async def late(texts: list[str]) -> list[list[float]]:
        await asyncio.sleep(60)
        return []

    fields: dict[str, Any] = {"keep_messages": 4, "block_messages": 1, "relevant_turns": 3}
    for embed in (late, None):
        context, sent, *_ = await run(CHAT, talk(20), embed=embed, embedding_wait_seconds=0.01, **fields)
        assert sent == talk(20)[36:]
        assert context.relevant == 0


async def test_a_budget_that_no_cut_can_meet_leaves_the_least():
    messages = talk(5, last=FILL * 20)
    context, sent, *_ = await run(CHAT, messages, fits_budget=True, max_input_tokens=100)
    assert sent == [messages[-1]]
    assert context.tokens_after > 100


async def test_blank_space_goes_from_all_but_the_last_words():
    messages = talk(1, last="keep   this", q0="a   b", a0="c   d")
    _, sent, *_, goes = await run(
        MESSAGES, messages, collapses_whitespace=True, more={"system": "e   f\n```\ng   h\n```"}
    )
    assert [message["content"] for message in sent] == ["a b", "c d", "keep   this"]
    assert goes.body.system == json.loads(goes.content)["system"] == "e f\n```\ng   h\n```"
    assert [message.content for message in goes.body.messages] == ["a b", "c d", "keep   this"]


async def test_a_marked_system_prompt_keeps_its_blank_space():
    system = [{"type": "text", "text": "e   f", **MARK}]
    _, _, came, goes = await run(MESSAGES, talk(0), collapses_whitespace=True, more={"system": system})
    assert goes is came


async def test_repetition_refers_only_to_what_stays():
    notice = "This notice is confidential and not to be passed on. " * 6
    messages = talk(10, a0=notice, a8=notice, a9=notice)
    _, sent, *_ = await run(CHAT, messages, drops_repetition=True, keep_messages=6, block_messages=1)
    assert notice not in [message["content"] for message in sent[-2:]]
    assert [message["content"] for message in sent].count(notice) == 1
    assert sum(message["content"].startswith("[As before") for message in sent) == 1


async def test_what_cannot_be_understood_goes_on_as_it_came():
    messages = [*talk(9), {"role": "tool", "tool_call_id": "nobody's", "content": "x"}]
    context, _, came, goes = await run(CHAT, messages, keep_messages=1, block_messages=1)
    assert goes is came
    assert context is None


async def test_fits_though_what_stays_is_estimated_higher_without_tools():
    """The reserve step weighs a request without tool blocks otherwise than one with them."""
    blocks = [{"type": "tool_use", "id": "a", "name": "f", "input": {"q": "Yes."}}]
    result = [{"type": "tool_result", "tool_use_id": "a", "content": "Yes."}]
    messages = [
        {"role": "user", "content": "Yes."},
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": result},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Yes."},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "paragraph " * 40},
    ]
    for most in range(115, 145):
        context, *_ = await run(MESSAGES, messages, fits_budget=True, max_input_tokens=most)
        assert context.tokens_after <= most


async def test_goes_on_without_a_summary_where_redis_is_away(settings):
    settings.REDIS_NODE_URL = "redis://127.0.0.1:1/0"
    context, sent, *_ = await run(CHAT, talk(20), keep_messages=4, block_messages=1, summary_model="m")
    assert context.summary == "unavailable"
    assert sent == talk(20)[36:]


async def test_a_summary_that_is_there_comes_in_before_what_stays(settings):
    messages = [{"role": "system", "content": "Be brief."}, *talk(20, q0=f"First {uuid4()}")]
    chosen = policy(keep_messages=4, block_messages=1, summary_model="m")
    async with running() as runtime:
        exchange, _, _ = await optimised(CHAT, content(messages), snapshot(chosen), runtime)
        assert exchange.context.summary == "miss"
        await runtime.summaries.keep(TENANT, exchange.summary_wanted.digest, "- It rained.")
        exchange, _, goes = await optimised(CHAT, content(messages), snapshot(chosen), runtime)
        sent = json.loads(goes.content)["messages"]
        assert (exchange.context.summary, exchange.summary_wanted) == ("hit", None)
        assert [sent[0], *sent[3:]] == [messages[0], *messages[37:]]
        assert "- It rained." in sent[1]["content"]
        assert [message.content for message in goes.body.messages] == [message["content"] for message in sent]
        most = exchange.context.tokens_after - 20
        tight = policy(keep_messages=4, block_messages=1, summary_model="m", fits_budget=True, max_input_tokens=most)
        exchange, _, goes = await optimised(CHAT, content(messages), snapshot(tight), runtime)
        assert exchange.context.summary == "too_long"
        assert json.loads(goes.content)["messages"] == [messages[0], *messages[37:]]


async def test_a_summary_comes_in_after_what_is_marked():
    marked = {"role": "user", "content": [{"type": "text", "text": f"Manual {uuid4()}", **MARK}]}
    messages = [marked, {"role": "assistant", "content": "Read."}, *talk(20)]
    chosen = policy(keep_messages=4, block_messages=1, summary_model="m")
    async with running() as runtime:
        exchange, _, _ = await optimised(MESSAGES, content(messages), snapshot(chosen), runtime)
        await runtime.summaries.keep(TENANT, exchange.summary_wanted.digest, "- It rained.")
        _, _, goes = await optimised(MESSAGES, content(messages), snapshot(chosen), runtime)
    sent = json.loads(goes.content)["messages"]
    assert [*sent[:2], *sent[4:]] == [*messages[:2], *messages[-5:]]
    assert "- It rained." in sent[2]["content"]
