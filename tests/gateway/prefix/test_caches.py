"""What is known of each model's cache."""

from __future__ import annotations

import pytest

from gateway.prefix import caches
from gateway.prefix.caches import Style


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("claude-opus-5-5", 512), ("claude-sonnet-5-5-20260928", 512), ("claude-haiku-5-5", 512), ("claude-opus-5", 512),
        ("claude-fable-5-2", 512), ("claude-sonnet-5", 1024), ("claude-sonnet-4-6", 1024), ("claude-sonnet-4-5-20250929", 1024),
        ("claude-opus-4-8", 1024), ("claude-opus-4-1-20250805", 1024), ("claude-opus-4-20250514", 1024),
        ("claude-opus-4-7", 2048), ("claude-3-5-haiku-latest", 2048), ("claude-opus-4-5", 4096), ("claude-opus-4-6", 4096),
        ("claude-haiku-4-5-20251001", 4096), ("somebody-s-own", 1024),
    ],
)  # fmt: skip
def test_anthropic_s_minimum_lengths(name, least):
    assert caches.of("anthropic", name) == (Style.MARKS, least, ("5m", "1h"))


@pytest.mark.parametrize(
    ("name", "style"),
    [
        ("gpt-4o", Style.KEY), ("gpt-4.1-mini", Style.KEY), ("gpt-5", Style.KEY), ("gpt-5-mini", Style.KEY), ("gpt-5.5", Style.KEY),
        ("gpt-5-5", Style.KEY), ("gpt-5-2025-08-07", Style.KEY), ("o3-mini", Style.KEY), ("gpt-5.6", Style.BREAKPOINTS),
        ("gpt-5-6-luna", Style.BREAKPOINTS), ("gpt-6-luna", Style.BREAKPOINTS), ("gpt-6.1-sol-2026-10-01", Style.BREAKPOINTS),
        ("gpt-oss-120b", Style.KEY), ("gpt-image-2", Style.KEY),
    ],
)  # fmt: skip
def test_openai_s_models_take_breakpoints_since_gpt_5_6(name, style):
    found = caches.of("openai", name)
    assert found is not None
    assert (found.style, found.least_tokens) == (style, 1024)
    assert found.lifetimes == (("30m",) if style is Style.BREAKPOINTS else ())


def test_nothing_is_assumed_of_compatible_servers():
    assert caches.of("openai-compatible", "gpt-6-luna") is None
    assert caches.of("openai-compatible", "gpt-6-luna", True) == (Style.KEY, 1024, ())
