"""Which keys, breakpoints and options a chat request gets, by what OpenAI's models keep of it."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.prefix.marks import NONE, Marks
from gateway.prefix.memory import PrefixMemory
from gateway.types import Endpoint
from tests.gateway.prefix.traffic import SYSTEM, Traffic, model, talk, user, words

CHAT = Endpoint.CHAT
LUNA = "gpt-6-luna"


def chat(text: str, system: str = SYSTEM) -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": system}, user(text)]}


def chat_talk(turn: int, mark: str) -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": words(700, "Chat.")}, *talk(turn, mark, size=900)]}


def test_conversations_that_change_processes_are_known_by_what_the_provider_has_kept():
    traffic = Traffic()
    processes = [PrefixMemory(), PrefixMemory()]
    sent = []
    for number in range(14):
        for turn in (1, 2, 3, 4):
            traffic.memory = processes[turn % 2]  # never the same twice in a row
            sent.append(traffic.send(chat_talk(turn, f"talk {number}"), model(LUNA, "openai"), endpoint=CHAT))
            traffic.wait(30)
        traffic.wait(600)
    assert not any(one.marks.is_explicit for one in sent)
    assert sent[-1].usage.cache_read_tokens > 1024


@pytest.mark.parametrize("name", ["gpt-4o", "gpt-5.5"])
def test_older_models_of_openai_s_get_a_key_and_nothing_else(name):
    traffic = Traffic()
    sent = [traffic.send(chat(text), model(name, "openai"), endpoint=CHAT) for text in "ab"]
    assert sent[0].marks == sent[1].marks == Marks(cache_key=sent[0].body["prompt_cache_key"])
    assert sent[1].body["messages"] == chat("b")["messages"]
    assert sent[1].usage.cache_read_tokens == sent[1].usage.input_tokens // 128 * 128 > 1024


def test_newer_models_of_openai_s_get_a_breakpoint_after_the_instructions():
    traffic = Traffic()
    sent = [traffic.send(chat(text), model(LUNA, "openai"), endpoint=CHAT) for text in "ab"]
    (system, _) = sent[0].body["messages"]
    assert system["content"] == [{"type": "text", "text": SYSTEM, "prompt_cache_breakpoint": {"mode": "explicit"}}]
    assert "prompt_cache_options" not in sent[0].body
    assert sent[0].usage.cache_write_5m_tokens > 1024
    # The provider's own breakpoint is at the last message, which is another one; ours lets the instructions be read.
    assert sent[1].usage.cache_read_tokens > 1024
    without = traffic.send(chat("c", SYSTEM + "!"), model(LUNA, "openai"), endpoint=CHAT, given=Marks(cache_key="k"))
    assert without.usage.cache_read_tokens == 0


def test_caching_by_itself_is_switched_off_once_it_is_known_not_to_pay():
    traffic = Traffic()
    sent = []
    for number in range(40):
        body = chat(words(3000, f"one-off {number}"), "Extract the names.")
        sent.append(traffic.send(body, model(LUNA, "openai"), endpoint=CHAT))
        traffic.wait(60)
    assert not sent[0].marks.is_explicit
    assert "prompt_cache_options" not in sent[10].body
    assert sent[-1].marks.is_explicit
    assert sent[-1].body["prompt_cache_options"] == {"mode": "explicit"}
    assert (sent[0].usage.cache_write_5m_tokens > 3000, sent[-1].usage.cache_write_5m_tokens) == (True, 0)


def test_a_long_system_prompt_is_still_kept_where_the_rest_is_not():
    traffic = Traffic()
    for number in range(40):
        sent = traffic.send(chat(words(3000, f"one-off {number}")), model(LUNA, "openai"), endpoint=CHAT)
        traffic.wait(60)
    assert (sent.marks.is_explicit, sent.marks.head) == (True, "30m")
    assert sent.usage.cache_read_tokens > 1024
    assert sent.usage.cache_write_5m_tokens == 0


def test_conversations_with_newer_models_stay_as_the_provider_caches_them():
    traffic = Traffic()
    for number in range(12):
        for turn in (1, 2, 3):
            sent = traffic.send(
                {"messages": talk(turn, f"talk {number}", size=900)}, model(LUNA, "openai"), endpoint=CHAT
            )
            assert not sent.marks.is_explicit
            traffic.wait(20)
    assert sent.usage.cache_read_tokens > 1024


def test_a_caller_s_own_key_and_options_stay():
    traffic = Traffic()
    for text in "ab":
        sent = traffic.send({**chat(text), "prompt_cache_key": "mine"}, model(LUNA, "openai"), endpoint=CHAT)
        assert sent.body["prompt_cache_key"] == "mine"
    own = {**chat("c"), "prompt_cache_options": {"mode": "implicit"}}
    sent = traffic.send(own, model(LUNA, "openai"), endpoint=CHAT)
    assert sent.body["prompt_cache_options"] == {"mode": "implicit"}
    assert sent.body["messages"] == own["messages"]


def test_a_compatible_server_gets_a_key_only_if_it_declares_to_take_it():
    price = model("gpt-4o", "openai").price
    plain = model("qwen", "openai-compatible", price=price)
    assert Traffic().send(chat("a"), plain, endpoint=CHAT).marks == NONE
    declared = model("qwen", "openai-compatible", price=price, capabilities=frozenset({"chat", "prompt_cache_key"}))
    assert Traffic().send(chat("a"), declared, endpoint=CHAT).marks.cache_key.startswith("tg-")


def test_a_short_prompt_gets_no_key():
    assert Traffic().send(chat("hi", "Be brief."), model("gpt-4o", "openai"), endpoint=CHAT).marks == NONE
