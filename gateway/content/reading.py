"""Stored content as people read it: whose turn says what. What it means is not asked; whatever is of no known form is shown as it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from gateway.content import sealing
from gateway.models import ContentPolicy, RequestContent

KINDS = ("text", "thinking", "tool_call", "tool_result", "media", "data")


@dataclass(frozen=True)
class Part:
    """`kind` is one of `KINDS`; `name` a tool's, `reference` the id of its call."""

    kind: str
    text: str
    name: str = ""
    reference: str = ""


@dataclass(frozen=True)
class Turn:
    role: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Read:
    """`prompt` and `answer` as they are stored; `turns` and `answers` what can be read in them as a conversation."""

    row: RequestContent
    prompt: str
    answer: str
    turns: tuple[Turn, ...]
    answers: tuple[Turn, ...]


def of(tenant_id: UUID, request_id: UUID) -> Read | None:
    """None: nothing is stored of the request. Raises `tenants.encryption.UndecryptableError`."""
    row = RequestContent.objects.filter(tenant_id=tenant_id, id=request_id).first()
    policy = ContentPolicy.objects.filter(tenant_id=tenant_id).first()
    return None if row is None or policy is None else read(row, policy.secret)


def is_stored(tenant_id: UUID, request_id: UUID) -> RequestContent | None:
    """What is said of the content, without it."""
    return RequestContent.objects.filter(tenant_id=tenant_id, id=request_id).defer("sealed").first()


def is_on(tenant_id: UUID) -> bool:
    """Whether the tenant has content stored at present."""
    return ContentPolicy.objects.filter(tenant_id=tenant_id, is_on=True).exists()


def oldest(tenant_id: UUID) -> dt.datetime | None:
    rows = RequestContent.objects.filter(tenant_id=tenant_id).order_by("accepted_at")
    return rows.values_list("accepted_at", flat=True).first()


def read(row: RequestContent, secret: str) -> Read:
    content = sealing.open(secret, bytes(row.sealed))
    return Read(row, content.prompt, content.answer, tuple(asked(content.prompt)), tuple(answered(content.answer)))


def asked(prompt: str) -> Iterator[Turn]:
    """The turns of a request's body, of either format; its input, where vectors were asked for."""
    body = _decoded(prompt)
    if not isinstance(body, dict):
        if prompt:
            yield Turn("", (Part("data", prompt),))
        return
    if body.get("system"):
        yield Turn("system", tuple(_parts(body["system"])))
    for message in body.get("messages") or ():
        if isinstance(message, dict):
            yield Turn(str(message.get("role", "")), tuple(_of_message(message)))
    if "input" in body:
        yield Turn("input", tuple(_parts(body["input"])))


def answered(answer: str) -> Iterator[Turn]:
    """What was answered: each choice, in OpenAI's format."""
    body = _decoded(answer)
    if not isinstance(body, dict):
        if answer:
            yield Turn("", (Part("data", answer),))
    elif isinstance(body.get("choices"), list):
        for choice in body["choices"]:
            message = choice.get("message") if isinstance(choice, dict) else None
            if isinstance(message, dict):
                yield Turn(str(message.get("role", "assistant")), tuple(_of_message(message)))
    elif "content" in body:
        yield Turn(str(body.get("role", "assistant")), tuple(_parts(body["content"])))
    else:
        yield Turn("", (Part("data", answer),))


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def _of_message(message: dict[str, Any]) -> Iterator[Part]:
    thought = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(thought, str):
        yield Part("thinking", thought)
    if message.get("role") == "tool":
        yield Part("tool_result", _text(message.get("content")), reference=str(message.get("tool_call_id", "")))
        return
    yield from _parts(message.get("content"))
    if isinstance(message.get("refusal"), str) and message["refusal"]:
        yield Part("text", message["refusal"])
    for call in message.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            yield Part(
                "tool_call", _text(function.get("arguments")), str(function.get("name", "")), str(call.get("id", ""))
            )


def _parts(content: Any) -> Iterator[Part]:
    if isinstance(content, str):
        if content:
            yield Part("text", content)
        return
    items: Iterable[Any] = content if isinstance(content, list) else () if content is None else (content,)
    for item in items:
        if not isinstance(item, dict):
            yield Part("text", item if isinstance(item, str) else _text(item))
            continue
        kind = item.get("type")
        if kind in ("text", "input_text", "output_text"):
            yield Part("text", _text(item.get("text")))
        elif kind in ("thinking", "redacted_thinking"):
            yield Part("thinking", _text(item.get("thinking") or item.get("data")))
        elif kind == "tool_use":
            yield Part("tool_call", _text(item.get("input")), str(item.get("name", "")), str(item.get("id", "")))
        elif kind == "tool_result":
            yield Part("tool_result", _text(item.get("content")), reference=str(item.get("tool_use_id", "")))
        elif kind in ("image", "image_url", "input_image", "document", "file", "input_audio"):
            yield Part("media", _text({name: value for name, value in item.items() if name != "type"}), str(kind))
        else:
            yield Part("data", _text(item), str(kind or ""))


def _text(value: Any) -> str:
    """Of a list of texts, the texts; of anything else that is none, its JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(item, dict) and item.get("type") == "text" for item in value):
        return "\n".join(str(item.get("text", "")) for item in value)
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
