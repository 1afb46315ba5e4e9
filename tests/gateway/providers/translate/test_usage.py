"""Counts told in one format, and told again in the other."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from anthropic.types import Usage as AnthropicUsage
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CompletionUsage

from gateway.providers.translate import usage as usages
from gateway.providers.translate.usage import ChatUsage, MessagesUsage
from gateway.types import Usage


def from_anthropic(*given: dict[str, Any]) -> Usage:
    counts = MessagesUsage()
    for later in given:
        counts.update(msgspec.convert(later, MessagesUsage))
    return counts.counted()


SPLIT = {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([{"input_tokens": 10, "output_tokens": 5}], Usage(input_tokens=10, output_tokens=5)),
        (
            [{"input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 30, "output_tokens": 5}],
            Usage(input_tokens=140, cache_read_tokens=100, cache_write_5m_tokens=30, output_tokens=5),
        ),
        (
            [{"input_tokens": 10, "cache_creation_input_tokens": 30, "cache_creation": SPLIT, "output_tokens": 5}],
            Usage(input_tokens=40, cache_write_5m_tokens=20, cache_write_1h_tokens=10, output_tokens=5),
        ),
        (
            [{"input_tokens": 10, "cache_creation": SPLIT, "output_tokens": 5}],
            Usage(input_tokens=40, cache_write_5m_tokens=20, cache_write_1h_tokens=10, output_tokens=5),
        ),
        (
            [{"input_tokens": 1, "cache_creation_input_tokens": 30, "cache_creation": SPLIT}, {"cache_creation_input_tokens": 4}],
            Usage(input_tokens=5, cache_write_1h_tokens=4),
        ),
        (
            [{"input_tokens": 10, "output_tokens": 1}, {"output_tokens": 9}, {"input_tokens": 12, "output_tokens": 20}],
            Usage(input_tokens=12, output_tokens=20),
        ),
        (
            [{"input_tokens": 1, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}}],
            Usage(input_tokens=1, output_tokens=9, reasoning_tokens=4),
        ),
        ([{"input_tokens": None, "cache_read_input_tokens": None}], Usage()),
    ],
)  # fmt: skip
def test_anthropic_s_counts(given, expected):
    assert from_anthropic(*given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"prompt_tokens": 140, "completion_tokens": 5}, Usage(input_tokens=140, output_tokens=5)),
        (
            {"prompt_tokens": 140, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 30}},
            Usage(input_tokens=140, cache_read_tokens=100, cache_write_5m_tokens=30, output_tokens=5),
        ),
        (
            {"prompt_tokens": 1, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 4}},
            Usage(input_tokens=1, output_tokens=9, reasoning_tokens=4),
        ),
        ({"prompt_tokens": 7, "completion_tokens": None, "prompt_tokens_details": None}, Usage(input_tokens=7)),
    ],
)  # fmt: skip
def test_openai_s_counts(given, expected):
    assert msgspec.convert(given, ChatUsage).counted() == expected


def test_as_openai_tells_them():
    told = usages.for_chat(
        Usage(
            input_tokens=140, cache_read_tokens=100, cache_write_5m_tokens=20, cache_write_1h_tokens=10,
            output_tokens=9, reasoning_tokens=4,
        )
    )  # fmt: skip
    assert told == {
        "prompt_tokens": 140,
        "completion_tokens": 9,
        "total_tokens": 149,
        "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 30},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }
    CompletionUsage.model_validate(told)


def test_as_anthropic_tells_them():
    told = usages.for_messages(
        Usage(input_tokens=140, cache_read_tokens=100, cache_write_5m_tokens=30, output_tokens=9, reasoning_tokens=4)
    )
    assert told == {
        "input_tokens": 10,
        "cache_creation_input_tokens": 30,
        "cache_read_input_tokens": 100,
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 4},
    }
    AnthropicUsage.model_validate(told)


def test_a_server_that_counts_more_cached_than_there_was_makes_no_negative_count():
    assert usages.for_messages(Usage(input_tokens=5, cache_read_tokens=9))["input_tokens"] == 0


COUNT = st.integers(0, 1_000_000)


@given(COUNT, COUNT, COUNT, COUNT, COUNT)
def test_counts_survive_being_told_in_either_format(fresh, read, written, output, reasoning):
    usage = Usage(
        input_tokens=fresh + read + written, cache_read_tokens=read, cache_write_5m_tokens=written,
        output_tokens=output + reasoning, reasoning_tokens=reasoning,
    )  # fmt: skip
    assert from_anthropic(usages.for_messages(usage)) == usage
    assert msgspec.convert(usages.for_chat(usage), ChatUsage).counted() == usage
