"""Whether a request may be answered from a cache, and whether its answer may be kept. What tells requests apart is `fingerprints`'.

What is cached is what would come out much the same once more: one answer, at a low temperature or at none that was asked for, without side
effects. A caller's Cache-Control narrows this further, never widens it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from gateway import answers
from gateway.answers import Words
from gateway.types import CachePolicy, Endpoint, Request

WHOLE = frozenset({"stop", "end_turn", "stop_sequence"})  # finish reasons of an answer that is complete
CALLS_TOOLS = frozenset({"tool_calls", "tool_use", "function_call"})
# Fields by which something happens beside the answer, or of which an answer has parts that are not kept. Null and false don't count.
SIDE_EFFECTS = ("store", "background", "container", "mcp_servers", "audio")
_UNSET = (b"null", b"false")
_OWN_TOOLS = (None, "function", "custom")  # types of tools that the caller runs


class Control(NamedTuple):
    """The caller's Cache-Control (RFC 9111, 5.2.1): don't read, don't store, nothing but a cached answer, none older than that."""

    no_cache: bool = False
    no_store: bool = False
    only_if_cached: bool = False
    max_age_seconds: int | None = None


ANYTHING = Control()


def control(header: str) -> Control:
    """What a Cache-Control header says; what is unknown in it is passed by. An age that is no number means 0, the safe side."""
    if not header:
        return ANYTHING
    said: dict[str, str] = {}
    for directive in header.lower().split(","):
        name, _, value = directive.strip().partition("=")
        said[name.strip()] = value.strip().strip('"')
    age = said.get("max-age")
    return Control(
        no_cache="no-cache" in said,
        no_store="no-store" in said,
        only_if_cached="only-if-cached" in said,
        max_age_seconds=None if age is None else int(age) if age.isdecimal() and len(age) < 10 else 0,
    )


def why_not(policy: CachePolicy | None, request: Request) -> str:
    """Why the request has nothing to do with the exact cache; empty if it has."""
    if request.endpoint is Endpoint.COUNT_TOKENS:
        return "token counts are not cached"
    if policy is None:
        return "no policy"
    if not policy.exact:
        return "switched off"
    return why_not_at_all(policy, request)


def why_not_at_all(policy: CachePolicy, request: Request) -> str:
    """Why the request has nothing to do with any cache of answers; empty if it has."""
    if policy.is_per_end_user and not request.labels.end_user:
        return "no end user named"
    if request.endpoint is Endpoint.EMBEDDINGS:
        return "" if policy.embeddings else "embeddings are not cached"
    body: Any = request.body
    n = getattr(body, "n", None)
    if n is not None and n > 1:
        return f"n is {n}"
    raw = request.raw
    if "temperature" in raw and (reason := _too_warm(raw["temperature"], policy.max_temperature)):
        return reason
    for name in SIDE_EFFECTS:
        if name in raw and bytes(raw[name]) not in _UNSET:
            return f"{name} is asked for"
    if not policy.with_tools and (body.tools or "web_search_options" in raw) and _provider_runs_tools(body, raw):
        return "the provider runs tools"
    return ""


def _too_warm(given: msgspec.Raw, most: float) -> str:
    try:
        temperature = msgspec.json.decode(given, type=float | None)
    except msgspec.MsgspecError:
        return "its temperature is no number"
    if temperature is None or temperature <= most:
        return ""
    return f"temperature {temperature:g} above {most:g}"


def _provider_runs_tools(body: Any, raw: dict[str, msgspec.Raw]) -> bool:
    """Whether an answer may depend on what a tool finds at the moment, such as a search of the web."""
    return "web_search_options" in raw or any(tool.get("type") not in _OWN_TOOLS for tool in body.tools or ())


def why_not_kept(policy: CachePolicy, request: Request, body: bytes, finish_reason: str) -> str:
    """Why a whole answer in the caller's format is not kept; empty if it is. `finish_reason` is the provider's."""
    if len(body) > policy.max_entry_bytes:
        return f"larger than {policy.max_entry_bytes} bytes"
    if request.endpoint is Endpoint.EMBEDDINGS:
        return ""
    words = answers.of_whole(request.endpoint.surface, body)
    if words is None:
        return "it cannot be read"
    return _incomplete(words, finish_reason) or _tool_calls(policy, words, finish_reason)


def _incomplete(words: Words, finish_reason: str) -> str:
    if words.finish_reason == answers.REFUSAL:
        return "a refusal"
    if finish_reason not in WHOLE and finish_reason not in CALLS_TOOLS:
        return f"finish reason {finish_reason[:40] or 'unknown'}"
    return "" if words.calls_tools or words.text.strip() else "it is empty"


def _tool_calls(policy: CachePolicy, words: Words, finish_reason: str) -> str:
    calls = words.calls_tools or finish_reason in CALLS_TOOLS
    return "it calls tools" if calls and not policy.with_tools else ""
