"""What a model can do, takes and costs, guessed by its name where nobody says it."""

import datetime as dt

import pytest
from django.core.exceptions import ValidationError

from gateway.known_models import capabilities_of, first_choice, propose
from gateway.models.catalog import MODEL_NAME
from gateway.probes import Listed

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
ALL = {"chat", "streaming", "tools", "vision", "json_schema"}


@pytest.mark.parametrize(
    ("name", "capabilities"),
    [
        ("gpt-4o", ALL),
        ("gpt-4o-mini-2024-07-18", ALL),
        ("gpt-5.4-mini", ALL | {"reasoning"}),
        ("gpt-6.1-sol", ALL | {"reasoning"}),
        ("o4-mini", ALL | {"reasoning"}),
        ("gpt-4", {"chat", "streaming", "tools"}),
        ("claude-sonnet-5-5", ALL | {"reasoning"}),
        ("claude-3-5-haiku-latest", {"chat", "streaming", "tools", "vision"}),
        ("text-embedding-3-small", {"embeddings"}),
        ("BAAI/bge-large-en", {"embeddings"}),
        ("meta-llama/Llama-4-Scout", {"chat", "streaming", "tools"}),
        ("our-own-finetune", {"chat", "streaming"}),
        ("whisper-1", set()),
        ("gpt-4o-audio-preview", set()),
        ("gpt-image-1", set()),
        ("omni-moderation-latest", set()),
        ("tts-1-hd", set()),
    ],
)
def test_abilities_go_by_the_family_of_the_name(name: str, capabilities: set[str]):
    assert capabilities_of(name) == capabilities


def test_price_and_window_come_from_the_catalog():
    found = propose(Listed("gpt-4o-mini"), kind="openai", base_url="https://api.openai.com/v1", at=NOW)
    assert found.price is not None
    assert (found.price.base.input, found.price.base.output) == (150_000, 600_000)
    assert (found.context_window, found.price_ref, found.name) == (128_000, "", "gpt-4o-mini")


def test_what_the_provider_says_comes_first():
    listed = Listed("claude-haiku-4-5", "Claude Haiku", 111, 22, frozenset({"chat"}))
    found = propose(listed, kind="anthropic", base_url="https://api.anthropic.com", at=NOW)
    assert (found.context_window, found.max_output_tokens, found.capabilities) == (111, 22, {"chat"})
    assert found.title == "Claude Haiku"


def test_a_compatible_provider_of_the_catalog_is_known_by_its_address():
    found = propose(Listed("deepseek-chat"), kind="openai-compatible", base_url="https://api.deepseek.com/v1", at=NOW)
    assert found.price_ref == "deepseek:deepseek-chat"
    assert found.price is not None


def test_a_server_of_ones_own_has_no_price():
    found = propose(Listed("gpt-4o"), kind="openai-compatible", base_url="https://llm.acme.example/v1", at=NOW)
    assert (found.price, found.price_ref, found.context_window) == (None, "", None)


@pytest.mark.parametrize("name", ["~odd", "models/x y", "task/x", "ünï", "", "x" * 300])
def test_a_name_that_applications_can_send_is_made_of_any(name: str):
    made = propose(Listed(name), kind="openai", base_url="", at=NOW).name
    MODEL_NAME(made)
    assert not made.startswith("task/")
    assert len(made) <= 120
    with pytest.raises(ValidationError):
        MODEL_NAME("~odd")


def test_a_short_list_is_offered_ticked_and_of_a_long_one_the_newest_of_each_family():
    few = [Listed("llama"), Listed("qwen"), Listed("whisper-1")]
    proposals = [propose(item, kind="openai-compatible", base_url="http://x", at=NOW) for item in few]
    assert first_choice(proposals, few) == {"llama", "qwen"}
    many = [
        Listed(name, created_at=created)
        for created, name in enumerate(
            [
                "gpt-4o",
                "gpt-5-mini",
                "gpt-4o-mini",
                "gpt-5",
                "gpt-5.4-mini",
                "gpt-5.4",
                "gpt-5.4-nano",
                "unheard-of",
                "whisper-1",
            ]
        )
    ]
    proposals = [propose(item, kind="openai", base_url="https://api.openai.com/v1", at=NOW) for item in many]
    assert first_choice(proposals, many) == {"gpt-5.4-nano", "gpt-5.4", "gpt-5.4-mini", "gpt-4o-mini"}


@pytest.mark.parametrize("name", ["gpt-4o\n", "gpt-4o\r", "\ngpt-4o", "gpt-4o\nx"])
def test_a_name_has_no_line_break(name: str):
    with pytest.raises(ValidationError):
        MODEL_NAME(name)
