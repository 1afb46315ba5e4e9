"""Ids in the caller's format: the provider's own where it gives one, else a new one, since both formats promise an id."""

from __future__ import annotations

import uuid


def of_completion(message_id: str) -> str:
    return f"chatcmpl-{message_id.removeprefix('msg_') or uuid.uuid4().hex}"


def of_message(completion_id: str) -> str:
    return f"msg_{completion_id.removeprefix('chatcmpl-') or uuid.uuid4().hex}"


def of_call(call_id: str) -> str:
    """A tool call's id goes through as it is, so that its result finds it."""
    return call_id or f"toolu_{uuid.uuid4().hex}"
