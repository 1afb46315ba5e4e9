"""The providers' prompt caches as the simulator plays them, by a clock that the test moves."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from simulator import chat_requests, messages_requests
from simulator.prefix_cache import PrefixCache, minimum_tokens, takes_breakpoints
from simulator.usage import Usage

LONG = "word " * 1300


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> PrefixCache:
    return PrefixCache(now=clock)


def claude(cache: PrefixCache, system: str, ttl: str | None = None, model: str = "claude-sonnet-4-5") -> Usage:
    mark = {"type": "ephemeral", **({"ttl": ttl} if ttl else {})}
    body = {
        "model": model,
        "max_tokens": 9,
        "system": [{"type": "text", "text": system, "cache_control": mark}],
        "messages": [{"role": "user", "content": "hi"}],
    }
    return cache.usage_of(messages_requests.parse(body), api_key="k")


def gpt(cache: PrefixCache, *contents: Any, model: str = "gpt-6-luna", **more: Any) -> Usage:
    roles = ("system", "user", "assistant", "user")
    messages = [{"role": role, "content": content} for role, content in zip(roles, contents, strict=False)]
    return cache.usage_of(chat_requests.parse({"model": model, "messages": messages, **more}), api_key="k")


@pytest.mark.parametrize(("ttl", "seconds"), [(None, 300), ("5m", 300), ("1h", 3600)])
def test_a_prefix_lives_for_its_time_after_its_last_use(cache, clock, ttl, seconds):
    assert claude(cache, LONG, ttl).cache_read_tokens == 0
    for _ in range(3):
        clock.now += seconds - 1
        assert claude(cache, LONG, ttl).cache_read_tokens == 1300 + 1
    clock.now += seconds + 1
    assert claude(cache, LONG, ttl).cache_read_tokens == 0


def test_an_hour_s_write_is_told_apart(cache):
    usage = claude(cache, LONG, "1h")
    assert (usage.cache_write_5m_tokens, usage.cache_write_1h_tokens) == (0, 1301)


@pytest.mark.parametrize(
    ("model", "least"),
    [
        ("claude-opus-5-5", 512), ("claude-sonnet-4-5-20250929", 1024), ("claude-opus-4-7", 2048), ("claude-haiku-4-5", 4096),
        ("sim-claude", 0),
    ],
)  # fmt: skip
def test_a_prefix_shorter_than_the_model_s_minimum_is_neither_written_nor_read(cache, model, least):
    assert minimum_tokens(model) == least
    for size in {max(2, least - 1), max(2, least)}:
        usages = [claude(cache, "word " * (size - 1), model=model) for _ in range(2)]
        kept = size if size >= least else 0
        assert (usages[0].cache_write_5m_tokens, usages[1].cache_read_tokens) == (kept, kept)


def test_what_is_kept_is_found_twenty_blocks_before_a_mark(cache):
    def ask(blocks: int) -> Usage:
        content = [{"type": "text", "text": f"part {number}"} for number in range(blocks)]
        content[-1]["cache_control"] = {"type": "ephemeral"}  # type: ignore[assignment]
        body = {"model": "sim", "max_tokens": 9, "messages": [{"role": "user", "content": content}]}
        return cache.usage_of(messages_requests.parse(body), api_key="k")

    first = ask(1)
    assert ask(21).cache_read_tokens == first.cache_write_5m_tokens
    cache.reset()
    ask(1)
    assert ask(22).cache_read_tokens == 0


def test_older_models_of_openai_s_read_in_steps_under_the_same_key(cache, clock):
    def ask(key: str) -> Usage:
        return gpt(cache, LONG, "hi", model="gpt-4o", prompt_cache_key=key)

    assert ask("a") == Usage(input_tokens=1300 + 1 + 4 + 4 + 1 + 3)  # nothing is said of writes
    assert ask("a").cache_read_tokens == 1280
    assert ask("b").cache_read_tokens == 0
    clock.now += 601
    assert ask("a").cache_read_tokens == 0


def test_newer_models_end_a_prefix_at_the_last_message(cache, clock):
    first = gpt(cache, LONG, "one")
    assert (first.cache_read_tokens, first.cache_write_5m_tokens) == (0, first.input_tokens - 3)
    assert gpt(cache, LONG, "two").cache_read_tokens == 0  # instructions alone were never an end
    longer = gpt(cache, LONG, "one", "yes", "and?")
    assert longer.cache_read_tokens == first.cache_write_5m_tokens
    assert longer.cache_write_5m_tokens == longer.input_tokens - 3 - longer.cache_read_tokens
    clock.now += 1801
    assert gpt(cache, LONG, "one").cache_read_tokens == 0


def test_a_breakpoint_ends_one_after_the_instructions(cache):
    def ask(text: str, **more: Any) -> Usage:
        part = {"type": "text", "text": LONG, "prompt_cache_breakpoint": {"mode": "explicit"}}
        return gpt(cache, [part], text, **more)

    ask("one")
    assert ask("two").cache_read_tokens == 1300 + 1 + 4
    only = ask("three", prompt_cache_options={"mode": "explicit"})
    assert (only.cache_read_tokens, only.cache_write_5m_tokens) == (1305, 0)
    none = gpt(cache, LONG, "one", prompt_cache_options={"mode": "explicit"})
    assert (none.cache_read_tokens, none.cache_write_5m_tokens) == (0, 0)


def test_who_takes_breakpoints_and_who_refuses_them(gpt):
    names = ("gpt-4o", "gpt-5", "gpt-5.5", "gpt-5.6-sol", "gpt-6-luna", "gpt-6.1-sol", "sim-gpt")
    assert [takes_breakpoints(name) for name in names] == [False, False, False, True, True, True, None]
    messages = [{"role": "user", "content": "hi"}]
    options = {"extra_body": {"prompt_cache_options": {"mode": "explicit"}}}
    with pytest.raises(openai.BadRequestError, match="not supported with this model"):
        gpt.chat.completions.create(model="gpt-4o", messages=messages, **options)
    gpt.chat.completions.create(model="gpt-6-luna", messages=messages, **options)
    with pytest.raises(openai.BadRequestError, match="string too long"):
        gpt.chat.completions.create(model="gpt-4o", messages=messages, prompt_cache_key="k" * 65)


def test_reports_what_was_written(gpt):
    usage = gpt.chat.completions.create(
        model="gpt-6-luna", messages=[{"role": "system", "content": LONG}, {"role": "user", "content": "hi"}]
    ).usage
    assert usage.prompt_tokens_details.cache_write_tokens == usage.prompt_tokens - 3
