"""Reads `system` and `messages` of the Messages format: roles, content blocks, tool use and its results, cache marks. Raises
ProviderError (400) in Anthropic's words for what the provider would refuse."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import msgspec

from simulator import tokens
from simulator.ask import Section, Ttl
from simulator.errors import ProviderError
from simulator.field_checks import is_base64

IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
BLOCK_TYPES = ("text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking", "search_result")
MAXIMUM_MARKS = 4


class Conversation(msgspec.Struct):
    sections: list[Section]
    last_text: str = ""
    tool_results: list[str] = []
    image_count: int = 0
    document_count: int = 0
    is_prefilled: bool = False


def invalid(path: str, message: str) -> ProviderError:
    return ProviderError(400, f"{path}: {message}")


def signature_of(thinking: str) -> str:
    """The signature that a thinking block carries; a block that comes back with another one is refused."""
    return base64.b64encode(
        hashlib.sha256(b"simulator\0" + thinking.encode("utf-8", "surrogatepass")).digest()
    ).decode()


def ttl_of(holder: dict[str, Any], path: str) -> Ttl | None:
    """The cache mark of a block, None when it has none."""
    mark = holder.get("cache_control")
    if mark is None:
        return None
    if not isinstance(mark, dict):
        raise invalid(f"{path}.cache_control", "Input should be a valid dictionary")
    if mark.get("type") != "ephemeral":
        raise invalid(f"{path}.cache_control.type", "Input should be 'ephemeral'")
    ttl = mark.get("ttl", "5m")
    if ttl == "5m" or ttl == "1h":
        return "1h" if ttl == "1h" else "5m"
    raise invalid(f"{path}.cache_control.ephemeral.ttl", "Input should be '5m' or '1h'")


def check_marks(sections: list[Section]) -> None:
    marks = [section.ttl for section in sections if section.ttl]
    if len(marks) > MAXIMUM_MARKS:
        message = f"A maximum of {MAXIMUM_MARKS} blocks with cache_control may be provided. Found {len(marks)}."
        raise ProviderError(400, message)
    if "1h" in marks and "5m" in marks[: len(marks) - 1 - marks[::-1].index("1h")]:
        raise ProviderError(400, "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block.")


def read_system(system: Any) -> list[Section]:
    if system is None:
        return []
    if isinstance(system, str):
        return [Section(text=f"system\n{system}", tokens=tokens.count(system))] if system else []
    if not isinstance(system, list):
        raise invalid("system", "Input should be a valid list")
    sections: list[Section] = []
    for index, block in enumerate(system):
        path = f"system.{index}"
        if not isinstance(block, dict) or block.get("type") != "text":
            raise invalid(f"{path}.type", "Input should be 'text'")
        text = _text(block, "text", f"{path}.text")
        if not text:
            raise invalid("system", "text content blocks must be non-empty")
        sections.append(Section(text=f"system\n{text}", tokens=tokens.count(text), ttl=ttl_of(block, path)))
    return sections


def read(messages: list[Any]) -> Conversation:
    conversation = Conversation(sections=[], tool_results=[])
    called: list[str] = []
    for index, message in enumerate(messages):
        path = f"messages.{index}"
        role = _role(message, path)
        if "content" not in message:
            raise invalid(f"{path}.content", "Field required")
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not isinstance(blocks, list):
            raise invalid(f"{path}.content", "Input should be a valid list")
        is_last = index == len(messages) - 1
        if not content and not (role == "assistant" and is_last):
            raise ProviderError(
                400, f"{path}: all messages must have non-empty content except for the optional final assistant message"
            )
        texts: list[str] = []
        calls: list[str] = []
        results: list[str] = []
        if role == "user":
            conversation.tool_results = []
        conversation.sections.append(Section(text=f"role {role}", tokens=tokens.MESSAGE_TOKENS))
        for at, block in enumerate(blocks):
            _block(conversation, block, role, f"{path}.content.{at}", texts=texts, calls=calls, results=results)
        _check_results(called, results, index)
        called = calls if role == "assistant" else []
        if role == "user":
            conversation.last_text = "\n".join(texts)
        if is_last and role == "assistant":
            _check_prefill(texts)
            conversation.is_prefilled = bool(texts)
    if called:
        raise _unanswered(called, len(messages) - 1)
    return conversation


def _role(message: Any, path: str) -> str:
    if not isinstance(message, dict):
        raise invalid(path, "Input should be a valid dictionary")
    role = message.get("role")
    if role is None:
        raise invalid(f"{path}.role", "Field required")
    if role == "system":
        raise ProviderError(
            400,
            'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system" as an input '
            "message role.",
        )
    if role not in ("user", "assistant"):
        raise invalid(f"{path}.role", "Input should be 'user' or 'assistant'")
    return str(role)


def _check_prefill(texts: list[str]) -> None:
    if texts and texts[-1] != texts[-1].rstrip():
        raise ProviderError(400, "messages: final assistant content cannot end with trailing whitespace")


def _unanswered(ids: list[str], index: int) -> ProviderError:
    return ProviderError(
        400,
        f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(ids)}. Each `tool_use` "
        "block must have a corresponding `tool_result` block in the next message.",
    )


def _check_results(called: list[str], results: list[str], index: int) -> None:
    for identifier in results:
        if identifier not in called:
            raise ProviderError(
                400,
                f"messages.{index}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: {identifier}. Each `tool_result` "
                "block must have a corresponding `tool_use` block in the previous message.",
            )
    if missing := [identifier for identifier in called if identifier not in results]:
        raise _unanswered(missing, index - 1)


def _text(block: dict[str, Any], name: str, path: str) -> str:
    if name not in block:
        raise invalid(path, "Field required")
    value = block[name]
    if not isinstance(value, str):
        raise invalid(path, "Input should be a valid string")
    return value


def _block(
    conversation: Conversation,
    block: Any,
    role: str,
    path: str,
    *,
    texts: list[str],
    calls: list[str],
    results: list[str],
) -> None:
    """Adds one block's section, and what it says, calls or answers."""
    if not isinstance(block, dict):
        raise invalid(path, "Input should be a valid dictionary")
    kind = block.get("type")
    ttl = ttl_of(block, path)
    if kind == "text":
        text = _text(block, "text", f"{path}.text")
        if not text and role == "user":
            raise ProviderError(400, "messages: text content blocks must be non-empty")
        texts.append(text)
        conversation.sections.append(Section(text=f"text {text}", tokens=tokens.count(text), ttl=ttl))
    elif kind in ("image", "document", "search_result"):
        conversation.sections.append(_media(conversation, block, path, ttl))
    elif kind == "tool_use":
        calls.append(_text(block, "id", f"{path}.tool_use.id"))
        name = _text(block, "name", f"{path}.tool_use.name")
        if not isinstance(block.get("input"), dict):
            raise invalid(f"{path}.tool_use.input", "Input should be a valid dictionary")
        text = name + msgspec.json.encode(block["input"]).decode()
        conversation.sections.append(Section(text=f"tool_use {text}", tokens=tokens.count(text), ttl=ttl))
    elif kind == "tool_result":
        results.append(_text(block, "tool_use_id", f"{path}.tool_result.tool_use_id"))
        conversation.sections.append(_tool_result(conversation, block, path, ttl))
    elif kind in ("thinking", "redacted_thinking"):
        text = _text(block, "thinking" if kind == "thinking" else "data", f"{path}.{kind}")
        if kind == "thinking" and _text(block, "signature", f"{path}.thinking.signature") != signature_of(text):
            raise invalid(path, "Invalid `signature` in `thinking` block")
        conversation.sections.append(Section(text=f"{kind} {text}", tokens=tokens.count(text), ttl=ttl))
    else:
        expected = ", ".join(f"'{name}'" for name in BLOCK_TYPES)
        raise invalid(
            path, f"Input tag '{kind}' found using 'type' does not match any of the expected tags: {expected}"
        )


def _tool_result(conversation: Conversation, block: dict[str, Any], path: str, ttl: Ttl | None) -> Section:
    content = block.get("content", "")
    extra = 0
    if isinstance(content, list):
        said: list[str] = []
        for index, inner in enumerate(content):
            where = f"{path}.tool_result.content.{index}"
            if not isinstance(inner, dict):
                raise invalid(where, "Input should be a valid dictionary")
            if inner.get("type") == "text":
                said.append(_text(inner, "text", f"{where}.text"))
            else:
                extra += _media(conversation, inner, where, None).tokens
        content = "\n".join(said)
    if not isinstance(content, str):
        raise invalid(f"{path}.tool_result.content", "Input should be a valid string")
    conversation.tool_results.append(content)
    return Section(text=f"tool_result {content}", tokens=tokens.count(content) + extra, ttl=ttl)


def _media(conversation: Conversation, block: dict[str, Any], path: str, ttl: Ttl | None) -> Section:
    kind = block.get("type")
    if kind == "search_result":
        text = msgspec.json.encode(block.get("content")).decode()
        return Section(text=f"search_result {text}", tokens=tokens.count(text), ttl=ttl)
    if kind not in ("image", "document"):
        raise invalid(
            path, "Input tag does not match any of the expected tags: 'text', 'image', 'document', 'search_result'"
        )
    source = block.get("source")
    if not isinstance(source, dict):
        raise invalid(
            f"{path}.{kind}.source", "Field required" if source is None else "Input should be a valid dictionary"
        )
    where = f"{path}.{kind}.source"
    identity = _source(source, kind, where)
    if kind == "image":
        conversation.image_count += 1
        return Section(text=f"image {identity}", tokens=tokens.IMAGE_TOKENS, ttl=ttl)
    conversation.document_count += 1
    size = tokens.count(identity) if source.get("type") in ("text", "content") else tokens.DOCUMENT_TOKENS
    return Section(text=f"document {identity}", tokens=size, ttl=ttl)


def _source(source: dict[str, Any], kind: str, where: str) -> str:
    """What identifies an image or a document: its text, its address or a digest of its bytes."""
    form = source.get("type")
    if form == "url":
        url = _text(source, "url", f"{where}.url.url")
        if not url.startswith(("https://", "http://")):
            raise ProviderError(400, "Only HTTPS URLs are supported.")
        return url
    if form == "file":
        return _text(source, "file_id", f"{where}.file.file_id")
    if form == "base64":
        media_type = _text(source, "media_type", f"{where}.base64.media_type")
        allowed = IMAGE_TYPES if kind == "image" else ("application/pdf",)
        if media_type not in allowed:
            raise invalid(f"{where}.base64.media_type", f"Input should be {' or '.join(repr(one) for one in allowed)}")
        data = _text(source, "data", f"{where}.base64.data")
        if not is_base64(data):
            raise invalid(f"{where}.base64.data", f"invalid base64 data in {kind}")
        return hashlib.sha256(data.encode()).hexdigest()
    if kind == "document" and form == "text":
        return _text(source, "data", f"{where}.text.data")
    if kind == "document" and form == "content":
        return msgspec.json.encode(source.get("content")).decode()
    raise invalid(
        where, f"Input tag '{form}' found using 'type' does not match any of the expected tags: 'base64', 'url', 'file'"
    )
