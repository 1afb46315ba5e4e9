"""Joins the translation between the two formats to a request: which direction, and errors that name the caller's field."""

from typing import Any


def translated_request(request: Any, model: Any) -> bytes:
    raise NotImplementedError


def translated_answer(request: Any, model: Any, content: bytes) -> bytes:
    raise NotImplementedError


def translated_relay(request: Any, model: Any) -> Any:
    raise NotImplementedError
