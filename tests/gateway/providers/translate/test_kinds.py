"""Nothing is dropped silently: every kind of block, part, tool and thinking that the SDKs know is told or refused by its path."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable
from typing import Any

import anthropic.types as theirs
import openai.types.chat as ours
import pytest

from gateway.providers.translate import chat_to_messages, reasons
from gateway.providers.translate.fields import TranslationError, Untranslatable
from tests.gateway.providers.translate.places import Body, in_chat, in_message, to_chat, to_messages


def kinds_of(union: Any) -> set[str]:
    """The `type`s of a union of the SDK's types."""
    found: set[str] = set()
    for member in typing.get_args(union):
        hint = typing.get_type_hints(member)["type"]
        arms = typing.get_args(hint) if typing.get_origin(hint) is typing.Union else (hint,)
        found |= {value for arm in arms for value in typing.get_args(arm)}
    return found


def refused(kinds: Iterable[str], translate: Callable[[str], Body], path: str) -> set[str]:
    """The kinds that are refused at `path`. A kind that is taken may lack something else, which is no matter here."""
    found = set()
    for kind in kinds:
        try:
            translate(kind)
        except Untranslatable as error:
            if error.param == path:
                found.add(kind)
        except TranslationError:
            pass
    return found


@pytest.mark.parametrize(
    ("role", "taken"),
    [
        ("user", {"text", "image", "document", "tool_result"}),
        ("assistant", {"text", "tool_use", "thinking", "redacted_thinking"}),
    ],
)
def test_anthropic_s_blocks(role, taken):
    kinds = kinds_of(theirs.ContentBlockParam)
    assert taken < kinds
    assert refused(kinds, lambda kind: in_message({"type": kind}, role), "messages[0].content[0].type") == kinds - taken


def test_anthropic_s_tools():
    kinds = kinds_of(theirs.ToolUnionParam)
    assert "web_search_20250305" in kinds
    assert refused(kinds, lambda kind: to_chat(tools=[{"type": kind}]), "tools[0].type") == kinds - {"custom"}


def test_anthropic_s_thinking():
    kinds = kinds_of(theirs.ThinkingConfigParam)
    taken = {"enabled", "adaptive", "disabled"}
    assert refused(kinds, lambda kind: to_chat(thinking={"type": kind}), "thinking.type") == kinds - taken


@pytest.mark.parametrize(
    ("role", "taken"),
    [
        ("user", {"text", "image_url", "file"}),
        ("tool", {"text", "image_url", "file"}),
        ("system", {"text"}),
        ("assistant", {"text", "refusal"}),
    ],
)
def test_openai_s_parts(role, taken):
    def with_part(kind: str) -> Body:
        message: dict[str, Any] = {"role": role, "content": [{"type": kind}]}
        return in_chat({**message, "tool_call_id": "c"} if role == "tool" else message)

    kinds = kinds_of(ours.ChatCompletionContentPartParam) | {"refusal"}
    assert refused(kinds, with_part, "messages[0].content[0].type") == kinds - taken


def test_openai_s_tools():
    kinds = kinds_of(ours.ChatCompletionToolUnionParam)
    assert refused(kinds, lambda kind: to_messages(tools=[{"type": kind}]), "tools[0].type") == kinds - {"function"}


def test_openai_s_calls():
    def with_call(kind: str) -> Body:
        return in_chat({"role": "assistant", "tool_calls": [{"id": "c", "type": kind}]})

    kinds = kinds_of(ours.ChatCompletionMessageToolCallUnionParam)
    assert refused(kinds, with_call, "messages[0].tool_calls[0].type") == kinds - {"function"}


def test_every_effort_and_every_reason_to_stop_is_in_the_tables():
    (efforts, _) = typing.get_args(ours.ChatCompletionReasoningEffort)
    assert set(typing.get_args(efforts)) == set(chat_to_messages.EFFORTS) | {"none"}
    assert set(typing.get_args(theirs.StopReason)) == set(reasons.CHAT_OF_MESSAGES)
