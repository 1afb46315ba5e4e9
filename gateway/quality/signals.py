"""What can be told of an answer at a glance: refused, cut short, empty, not the JSON that was asked for, unsure of its words.

Pure and fast (tens of microseconds without a schema). It says what it sees; the strategy decides what follows. `is_hopeless` is its
advice: an answer that no threshold should let through.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.quality import schema

# Finish reasons of OpenAI's and Anthropic's formats.
_CUT_REASONS = frozenset(("length", "max_tokens", "model_context_window_exceeded"))
_REFUSAL_REASONS = frozenset(("content_filter", "refusal"))

UNSURE_BELOW = math.log(0.5)  # mean log-probability of a token: on average, the model would not bet on its own words

_OPENING = 300  # characters: a refusal comes first
_REFUSAL = re.compile(
    r"\b(?:i(?: am|'m) (?:(?:very |so |really )?sorry,? (?:but )?(?:i|that)|unable to|not able to)"
    r"|(?:sorry|unfortunately|apologi[sz]e)[^.\n]{0,20} i (?:can(?:no|')t|am unable|'m unable|won't)"
    r"|i (?:cannot|can't|can not|won't|must decline|have to decline)"
    r" (?:(?:help|assist|comply|provide|answer|fulfil|do that|engage|discuss|create|generate|write|share|support)\b|to )"
    r"|as an ai(?: language)?(?: model| assistant)?,? i (?:can|do not|don't|am)|i(?: am|'m) just an ai\b"
    r"|against my (?:guidelines|programming)|i don't have (?:access|enough information))"
)
_FENCE = re.compile(r"^ {0,3}```", re.MULTILINE)
_OPEN_ENDINGS = tuple(",;:([{=+/&\\")
_OPEN_WORDS = re.compile(
    r"(?:the|an?|and|or|of|to|in|on|at|by|with|for|from|is|are|was|were|that|which|because|but|if|than|as|its|their)"
)
_SENTENCE_WORDS = 8  # a last line of so many words without a full stop, after others that had one, is broken off


@dataclass(frozen=True, slots=True)
class Signals:
    is_empty: bool
    is_refusal: bool
    is_cut: bool  # the provider says that it ran out of tokens
    breaks_off: bool  # the text ends inside a sentence or a code fence
    violates_schema: bool | None  # None: no JSON was asked for
    mean_logprob: float | None  # None: not given

    @property
    def is_unsure(self) -> bool:
        return self.mean_logprob is not None and self.mean_logprob < UNSURE_BELOW

    @property
    def is_hopeless(self) -> bool:
        return self.is_empty or self.is_refusal or self.is_cut or self.violates_schema is True

    @property
    def names(self) -> tuple[str, ...]:
        """Short names of what was seen, for a log line or the response's explanation."""
        seen = {
            "empty": self.is_empty,
            "refusal": self.is_refusal,
            "cut": self.is_cut,
            "breaks_off": self.breaks_off,
            "violates_schema": self.violates_schema is True,
            "unsure": self.is_unsure,
        }
        return tuple(name for name, is_seen in seen.items() if is_seen)


def read(
    answer: str,
    *,
    finish_reason: str = "",
    wants_json: bool = False,
    json_schema: Mapping[str, Any] | None = None,
    logprobs: Sequence[float] = (),
    calls_tools: bool = False,
) -> Signals:
    """What a whole answer shows. `json_schema` implies `wants_json`; an answer that calls tools needs no text."""
    text = answer.strip()
    is_json = wants_json or json_schema is not None
    is_given = bool(text) or not calls_tools
    return Signals(
        is_empty=not text and not calls_tools,
        is_refusal=finish_reason in _REFUSAL_REASONS or refuses(text),
        is_cut=finish_reason in _CUT_REASONS,
        breaks_off=breaks_off(text) and not is_json,
        violates_schema=schema.is_violated(text, json_schema) if is_json and is_given else None,
        mean_logprob=sum(logprobs) / len(logprobs) if logprobs else None,
    )


def refuses(text: str) -> bool:
    """Whether the text opens with a refusal."""
    return _REFUSAL.search(text[:_OPENING].lower().replace("’", "'")) is not None


def breaks_off(text: str) -> bool:
    """Whether a stripped text ends inside a sentence or a code fence."""
    if not text:
        return False
    if "```" in text and len(_FENCE.findall(text)) % 2:
        return True
    if text.endswith(_OPEN_ENDINGS):
        return True
    last_line = text[text.rfind("\n") + 1 :].split()
    if not last_line or not text[-1].isalnum():
        return False
    if _OPEN_WORDS.fullmatch(last_line[-1].lower()) and len(last_line) > 1:
        return True
    return len(last_line) >= _SENTENCE_WORDS and ". " in text
