"""Why an answer ended, in both formats' words.

OpenAI does not say which stop sequence was met, nor that it was one: it says "stop", which becomes end_turn.
"""

from __future__ import annotations

CHAT_OF_MESSAGES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
MESSAGES_OF_CHAT = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
REFUSED = "The model declined to answer."
REFUSAL = "refusal"  # what is noted of an answer that is nothing but OpenAI's “refusal”, which ends with “stop”


def of_chat(finish_reason: str | None, *, has_refused: bool, has_calls: bool) -> str:
    """The stop reason of an answer from OpenAI.

    One that calls tools may say "stop" (OpenAI does where a function was demanded by name); an app waits for tool_use to run them.
    """
    if has_refused:
        return "refusal"
    if has_calls and finish_reason in (None, "", "stop"):
        return "tool_use"
    return MESSAGES_OF_CHAT.get(finish_reason or "stop", "end_turn")
