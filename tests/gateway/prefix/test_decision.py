"""Which marks a request gets, after what has been seen before it."""

from __future__ import annotations

import itertools
import json
from typing import Any
from uuid import UUID

import pytest

from gateway.pipeline import validator
from gateway.prefix import reading
from gateway.prefix.decision import Decision
from gateway.prefix.marks import NONE, Marks
from gateway.prefix.memory import PrefixMemory
from gateway.types import Endpoint, PrefixPolicy, Usage
from tests.gateway.prefix.traffic import SYSTEM, TENANT, Traffic, assistant, model, talk, user, words

TOOLS = [
    {"name": f"tool_{number}", "description": words(300), "input_schema": {"type": "object"}} for number in range(5)
]


def asked(text: str = "hi", **more: Any) -> dict[str, Any]:
    return {"system": SYSTEM, "messages": [user(text)], **more}


def test_a_prefix_seen_for_the_first_time_is_not_marked_and_the_second_time_it_is():
    traffic = Traffic()
    assert traffic.send(asked("a")).marks == NONE
    traffic.wait(60)
    second = traffic.send(asked("b"))
    assert second.marks == Marks(head="5m")
    assert second.usage.cache_write_5m_tokens > 1024
    traffic.wait(60)
    third = traffic.send(asked("c"))
    assert third.marks == Marks(head="5m")
    assert third.usage.cache_read_tokens == second.usage.cache_write_5m_tokens
    assert third.usage.cache_write_5m_tokens == 0


def test_a_second_one_after_the_lifetime_is_not_marked():
    traffic = Traffic()
    traffic.send(asked("a"))
    traffic.wait(301)
    assert traffic.send(asked("b")).marks == NONE


def test_gaps_of_twenty_minutes_ask_for_the_hour_once_there_are_two():
    traffic = Traffic()
    chosen = []
    for number in range(5):
        chosen.append(traffic.send(asked(str(number))))
        traffic.wait(1200)
    assert [sent.marks for sent in chosen] == [NONE, NONE, Marks(head="1h"), Marks(head="1h"), Marks(head="1h")]
    assert chosen[2].usage.cache_write_1h_tokens == chosen[3].usage.cache_read_tokens > 1024


def test_the_policy_s_lifetime_is_the_only_one_that_is_asked_for():
    for lifetime, expected in (("5m", [NONE, NONE, NONE]), ("1h", [NONE, NONE, Marks(head="1h")])):
        traffic = Traffic(PrefixPolicy(lifetime=lifetime))
        chosen = []
        for number in range(3):
            chosen.append(traffic.send(asked(str(number))).marks)
            traffic.wait(1200)
        assert chosen == expected


def test_a_prefix_shorter_than_the_model_keeps_is_not_marked():
    traffic = Traffic()
    short = {"system": words(900, "s"), "messages": [user(words(900))]}
    for _ in range(3):
        sent = traffic.send(short, model("claude-opus-4-5"))
    assert sent.marks == NONE
    for text in "abc":
        sent = traffic.send({**short, "messages": [user(text)]}, model("claude-opus-5"))
    assert sent.marks == Marks(head="5m")  # 512 are enough there


def test_tools_are_marked_by_themselves_where_the_instructions_change():
    traffic = Traffic()
    for number in range(3):
        sent = traffic.send({"tools": TOOLS, "system": words(500, f"today is day {number}"), "messages": [user("hi")]})
        traffic.wait(30)
    assert sent.marks == Marks(tools="5m")
    assert sent.usage.cache_read_tokens > 1024
    assert "cache_control" in sent.body["tools"][-1]
    assert isinstance(sent.body["system"], str)


def test_tools_without_instructions_are_the_head():
    traffic = Traffic()
    for text in "abc":
        sent = traffic.send({"tools": TOOLS, "messages": [user(text)]})
    assert sent.marks == Marks(head="5m")
    assert sent.body["tools"][-1]["cache_control"] == {"type": "ephemeral"}
    assert sent.usage.cache_read_tokens > 1024


def test_tools_that_are_loaded_later_are_never_marked():
    tools = [*TOOLS, {"name": "late", "input_schema": {"type": "object"}, "defer_loading": True}]
    traffic = Traffic()
    for text in "abc":
        assert traffic.send({"tools": tools, "messages": [user(text)]}).marks == NONE


def test_a_conversation_is_marked_when_it_goes_on_and_each_turn_reads_the_one_before():
    traffic = Traffic()
    sent = []
    for turn in range(1, 6):
        sent.append(traffic.send({"system": "Be brief.", "messages": talk(turn, "x", size=900)}))
        traffic.wait(40)
    assert [one.marks.last for one in sent] == ["", "5m", "5m", "5m", "5m"]
    for before, after in itertools.pairwise(sent[1:]):
        kept = before.usage.cache_read_tokens + before.usage.cache_write_5m_tokens
        assert after.usage.cache_read_tokens == kept > 0
        assert after.usage.cache_write_5m_tokens > 0


def test_where_conversations_go_on_the_opening_turn_is_marked_too():
    traffic = Traffic()
    for number in range(4):
        for turn in (1, 2, 3):
            opening = traffic.send({"system": "Be brief.", "messages": talk(turn, f"talk {number}", size=1500)})
            traffic.wait(20)
    assert traffic.send({"system": "Be brief.", "messages": talk(1, "new", size=1500)}).marks.last == "5m"
    assert opening.marks.last == "5m"


def test_where_they_do_not_go_on_nothing_is_marked():
    traffic = Traffic()
    chosen = []
    for number in range(60):
        chosen.append(traffic.send({"messages": [user(words(3000, f"one-off {number}"))]}).marks)
        traffic.wait(20)
    assert set(chosen) == {NONE}


def test_a_burst_of_one_offs_is_noticed_before_the_lifetime_is_over():
    traffic = Traffic()
    for number in range(4):  # conversations of the application used to go on
        for turn in (1, 2):
            traffic.send({"system": "Extract.", "messages": talk(turn, f"talk {number}", size=1500)})
            traffic.wait(10)
    marked = 0
    for number in range(200):  # two minutes of prompts that never come back
        marked += bool(
            traffic.send({"system": "Extract.", "messages": talk(1, f"one-off {number}", size=1500)}).marks.last
        )
        traffic.wait(0.6)
    assert marked < 80


def test_other_applications_are_judged_by_their_own_conversations():
    traffic = Traffic()
    for number in range(12):
        for turn in (1, 2, 3):
            traffic.send({"system": "Chat.", "messages": talk(turn, f"talk {number}", size=1500)})
            traffic.wait(5)
        traffic.send({"system": "Extract.", "messages": talk(1, f"document {number}", size=1500)})
        traffic.wait(60)
    assert traffic.send({"system": "Chat.", "messages": talk(1, "new", size=1500)}).marks.last == "5m"
    assert traffic.send({"system": "Extract.", "messages": talk(1, "new", size=1500)}).marks.last == ""


def test_the_very_same_prompt_again_is_read_whole():
    traffic = Traffic()
    body = {"messages": [user(words(3000, "the same"))]}
    traffic.send(body)
    traffic.wait(30)
    assert traffic.send(body).marks == Marks(last="5m")
    third = traffic.send(body)
    assert third.usage.cache_read_tokens == third.usage.input_tokens - 3  # the opening of the reply


def test_a_turn_of_more_blocks_than_the_provider_looks_back_gets_a_mark_where_the_last_one_ended():
    traffic = Traffic()
    said = [user(words(3000, "start")), assistant("go on"), user("next")]
    traffic.send({"messages": said[:1]})
    traffic.wait(5)
    traffic.send({"messages": said})
    traffic.wait(5)
    calls = [{"type": "tool_use", "id": f"t{number}", "name": "f", "input": {}} for number in range(12)]
    results = [{"type": "tool_result", "tool_use_id": f"t{number}", "content": "ok"} for number in range(12)]
    far = traffic.send({"messages": [*said, assistant(calls), user(results)]})
    assert far.marks == Marks(before="5m", before_at=2, last="5m")
    assert far.usage.cache_read_tokens > 1024
    near = traffic.send({"messages": [*said, assistant(calls), user(results), assistant("so"), user("well")]})
    assert near.marks.before == ""
    assert near.usage.cache_read_tokens > far.usage.cache_read_tokens


def test_all_four_places_at_once_are_no_more_marks_than_the_provider_takes():
    traffic = Traffic()
    said = [user(words(3000, "start")), assistant("go on"), user("next")]
    for messages in (said[:1], said):
        traffic.send({"tools": TOOLS, "system": SYSTEM, "messages": messages})
        traffic.wait(5)
    calls = [{"type": "tool_use", "id": f"t{number}", "name": "tool_1", "input": {}} for number in range(12)]
    results = [{"type": "tool_result", "tool_use_id": f"t{number}", "content": "ok"} for number in range(12)]
    sent = traffic.send({"tools": TOOLS, "system": SYSTEM, "messages": [*said, assistant(calls), user(results)]})
    assert sent.marks == Marks(tools="5m", head="5m", before="5m", before_at=2, last="5m")


def test_a_caller_who_marks_anything_is_left_alone():
    traffic = Traffic()
    marked = [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}]
    for text in "abc":
        sent = traffic.send({"system": marked, "messages": [user(text)], "tools": TOOLS})
        assert sent.marks == NONE
    assert sent.body["system"] == marked
    assert traffic.send({**asked(), "cache_control": {"type": "ephemeral"}}).marks == NONE


@pytest.mark.parametrize(
    ("usage", "kept"), [(Usage(input_tokens=5000, cache_write_5m_tokens=3000), "5m"), (Usage(input_tokens=5000), "")]
)
def test_only_what_the_provider_says_it_has_kept_is_counted_on(usage, kept):
    memory = PrefixMemory()
    tenant = memory.tenant(TENANT)
    request = validator.validate(Endpoint.MESSAGES, json.dumps({"model": "m", "max_tokens": 9, **asked()}).encode(), {})
    for now in (0.0, 60.0):
        decision = Decision(
            request, [model()], PrefixPolicy(), memory=memory, tenant=tenant, now=now, has_own=False, key=lambda _: ""
        )
        decision.sent(model())
        decision.answered(usage)
    assert {prefix.kept(61.0) for prefix in tenant.prefixes.values()} == {kept}
    assert {prefix.kept(360.0) for prefix in tenant.prefixes.values()} == {""}  # five minutes after its last use


def test_a_call_that_failed_and_is_made_once_more_counts_once():
    memory = PrefixMemory()
    tenant = memory.tenant(TENANT)
    request = validator.validate(Endpoint.MESSAGES, json.dumps({"model": "m", "max_tokens": 9, **asked()}).encode(), {})
    first, second = model(), model("claude-opus-4-1")

    def decide(now: float) -> Decision:
        return Decision(
            request, [first, second], PrefixPolicy(), memory=memory, tenant=tenant, now=now, has_own=False, key=lambda _: ""
        )  # fmt: skip

    decide(0.0).sent(first)
    decision = decide(10.0)
    assert decision.sent(first) == decision.marks(first) != NONE
    decision.answered(Usage())
    assert {prefix.kept(11.0) for prefix in tenant.prefixes.values()} == {""}
    assert decision.sent(first) == decision.marks(first)
    assert {prefix.kept(11.0) for prefix in tenant.prefixes.values()} == {"5m"}
    assert [sum(prefix.gaps.came) for prefix in tenant.prefixes.values()] == [1, 1]  # head and prompt, each once more
    decision.answered(Usage())
    assert decision.sent(second) == NONE  # a fallback, whose own cache has not seen any of it
    assert {prefix.kept(11.0) for prefix in tenant.prefixes.values()} == {""}


def test_other_settings_of_the_prompt_make_another_conversation_of_it():
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}}

    def ends(more: dict[str, Any]) -> int:
        body = {"model": "m", "max_tokens": 2000, "messages": talk(3, "x"), **more}
        return reading.read(validator.validate(Endpoint.MESSAGES, json.dumps(body).encode(), {})).ends[-1]

    assert ends({}) == ends({"temperature": 0.5, "stream": True})
    assert ends({}) != ends(thinking)
    assert ends({}) != ends({"tool_choice": {"type": "none"}})


def test_tenants_and_models_know_nothing_of_each_other():
    traffic = Traffic()
    for text in "abc":
        traffic.send(asked(text))
    assert traffic.send(asked("d"), tenant=UUID(int=8)).marks == NONE
    assert traffic.send(asked("e"), model("claude-sonnet-4-6")).marks == NONE
    assert traffic.send(asked("f")).marks == Marks(head="5m")


def test_switched_off_nothing_is_added():
    traffic = Traffic(PrefixPolicy(is_on=False))
    for text in "abc":
        assert traffic.send(asked(text)).marks == NONE


def test_a_prefilled_answer_ends_no_turn():
    traffic = Traffic()
    for _ in range(3):
        sent = traffic.send({"messages": [user(words(3000, "a")), assistant("I am")]})
    assert sent.marks.last == ""
