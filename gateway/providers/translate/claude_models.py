"""What differs between Anthropic's models in the words they take. A model nobody here knows is taken for a new one."""

from __future__ import annotations

import re

_THINKS_BY_BUDGET = re.compile(r"claude-(3-|(opus|sonnet|haiku)-4(-[0-5])?(-\d{8})?$)")
_NO_SYSTEM_TURNS = re.compile(r"claude-([23]|instant|(sonnet|haiku)-4|opus-4(-[0-7])?(-\d{8})?$)")


def thinks_by_budget(model: str) -> bool:
    """Models before Claude 4.6 do not think adaptively; they take a budget of tokens."""
    return _THINKS_BY_BUDGET.match(model) is not None


def takes_system_turns(model: str) -> bool:
    """Since Opus 4.8, a system message may stand between turns. https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages"""
    return _NO_SYSTEM_TURNS.match(model) is None
