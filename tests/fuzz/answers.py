"""What an answer to any body at all must look like: never a fault of ours, and in the format of its address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class Odd(AssertionError):
    """An answer that no caller should see."""


def check(path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raises `Odd`. `headers` with names in lower case."""
    is_chat, kind = not path.startswith("/v1/messages"), headers.get("content-type", "")
    if status >= 500 and not (status == 502 and b" answered 500 with " in body):
        raise Odd(f"{status}: {body[:500]!r}")
    if kind.startswith("text/event-stream"):
        _stream(is_chat, body)
        return
    if not kind.startswith("application/json"):
        raise Odd(f"{status} with {kind}")
    answer = _json(body)
    if status == 200:
        wanted = {"choices", "data", "attempts"} if is_chat else {"content", "input_tokens"}
        if not wanted & answer.keys():
            raise Odd(f"200 without {wanted}: {body[:500]!r}")
    else:
        error(is_chat, answer)
    if not headers.get("x-request-id", "").startswith("req_"):
        raise Odd("no request id")


def error(is_chat: bool, answer: Any) -> None:
    """As OpenAI's SDK reads it, or Anthropic's."""
    told = answer.get("error")
    if not isinstance(told, dict) or not isinstance(told.get("message"), str) or not told["message"]:
        raise Odd(f"no message: {answer}")
    if not isinstance(told.get("type"), str) or not told["type"]:
        raise Odd(f"no type: {answer}")
    if is_chat and not {"param", "code"} <= told.keys():
        raise Odd(f"not OpenAI's error: {answer}")
    if not is_chat and (answer.get("type") != "error" or not answer.get("request_id")):
        raise Odd(f"not Anthropic's error: {answer}")


def _stream(is_chat: bool, body: bytes) -> None:
    events = [event for event in body.split(b"\n\n") if event and not event.startswith(b":")]
    if not body.endswith(b"\n\n") or not events:
        raise Odd(f"a torn stream: {body[-300:]!r}")
    last: Any = None
    for event in events:
        (data,) = [line.removeprefix(b"data: ") for line in event.split(b"\n") if line.startswith(b"data: ")]
        last = data if data == b"[DONE]" else _json(data)
    if is_chat:
        if last != b"[DONE]":
            error(True, last)
    elif last.get("type") == "error":
        error(False, last)
    elif last.get("type") != "message_stop":
        raise Odd(f"a stream that does not end: {body[-300:]!r}")


def _json(text: bytes) -> Any:
    try:
        answer = json.loads(text.decode())
    except ValueError as failed:
        raise Odd(f"no JSON: {text[:300]!r}") from failed
    if not isinstance(answer, dict):
        raise Odd(f"no object: {text[:300]!r}")
    return answer
