"""Checks of request fields, refused in OpenAI's words. The Messages format words its own (`messages_requests`)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from simulator.errors import ProviderError


def described(value: object) -> str:
    """A JSON value's type as OpenAI's messages name it."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


def missing(param: str) -> ProviderError:
    return ProviderError(400, f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")


def wrong_type(param: str, expected: str, value: object) -> ProviderError:
    message = f"Invalid type for '{param}': expected {expected}, but got {described(value)} instead."
    return ProviderError(400, message, param=param, code="invalid_type")


def wrong_value(param: str, value: object, supported: Sequence[str]) -> ProviderError:
    quoted = [f"'{name}'" for name in supported]
    listed = quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + f", and {quoted[-1]}"
    message = f"Invalid value: '{value}'. Supported values are: {listed}."
    return ProviderError(400, message, param=param, code="invalid_value")


def expect_object(value: object, param: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)
    return value


def expect_string(holder: dict[str, Any], name: str, param: str) -> str:
    """A required string field."""
    if name not in holder:
        raise missing(param)
    value = holder[name]
    if not isinstance(value, str):
        raise wrong_type(param, "a string", value)
    return value


def optional(body: dict[str, Any], name: str, kind: type, expected: str) -> Any:
    """A field that may be absent or null. A boolean is not a number, and an integer is also a decimal."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) and kind is not bool:
        raise wrong_type(name, expected, value)
    if not isinstance(value, (int, float) if kind is float else kind):
        raise wrong_type(name, expected, value)
    return value


def optional_number(body: dict[str, Any], name: str, kind: type, low: float, high: float | None = None) -> Any:
    word = "integer" if kind is int else "decimal"
    value = optional(body, name, kind, f"{'an' if kind is int else 'a'} {word}")
    if value is None:
        return None
    for is_outside, place, sign, bound in (
        (value < low, "below minimum", ">=", low),
        (high is not None and value > high, "above maximum", "<=", high),
    ):
        if is_outside:
            side = place.split()[0] + "_" + place.split()[1][:3]
            message = (
                f"Invalid '{name}': {word} {place} value. Expected a value {sign} {bound}, but got {value} instead."
            )
            raise ProviderError(400, message, param=name, code=f"{word}_{side}_value")
    return value


def optional_choice(body: dict[str, Any], name: str, supported: Sequence[str]) -> str | None:
    value: str | None = optional(body, name, str, "a string")
    if value is not None and value not in supported:
        raise wrong_value(name, value, supported)
    return value


def is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return bool(text)
