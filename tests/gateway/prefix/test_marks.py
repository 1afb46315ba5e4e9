"""What counts as a caller's own mark."""

from __future__ import annotations

import pytest

from gateway.prefix.marks import has_own


@pytest.mark.parametrize(
    "content",
    [
        b'{"system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]}',
        b'{"cache_control":null}',
        b'{"a":{"prompt_cache_breakpoint":{"mode":"explicit"}}}',
        b'{"prompt_cache_options":{"mode":"implicit"}}',
        rb'{"cache\u005fcontrol":{"type":"ephemeral"}}',
        rb'{"\u0063ache_control":{"type":"ephemeral"}}',
        rb'{"\u0063":' + b"[" * 100_000 + b"]" * 100_000 + b"}",  # too deep to be looked at
    ],
)
def test_a_mark_is_one_however_it_is_spelt(content):
    assert has_own(content)


@pytest.mark.parametrize(
    "content",
    [
        b'{"content":"what is \\"cache_control\\"?"}',
        b'{"prompt_cache_key":"k","prompt_cache_retention":"24h"}',
        rb'{"content":"caf\u00e9 \u003cb\u003e \u001b"}',
        rb'{"content":"\u0063afe"}',
    ],
)
def test_words_about_marks_are_none(content):
    assert not has_own(content)
