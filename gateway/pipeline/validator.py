"""Is the body a request that can be understood, who is it for, and what does it need of a model?

Decodes straight into structs (one pass) and into raw top-level slices (a second one), never into plain dicts. Whatever is wrong
raises `InvalidRequest` with the place; the provider checks the fields that Tollgate does not read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from gateway import bodies
from gateway.caching import policy
from gateway.errors import InvalidRequest
from gateway.pipeline.exchange import Exchange
from gateway.types import Endpoint, Labels, Request
from tenants import redis_keys

_DECODERS: dict[Endpoint, msgspec.json.Decoder[Any]] = {
    Endpoint.CHAT: msgspec.json.Decoder(bodies.ChatBody),
    Endpoint.MESSAGES: msgspec.json.Decoder(bodies.MessagesBody),
    Endpoint.COUNT_TOKENS: msgspec.json.Decoder(bodies.CountTokensBody),
    Endpoint.EMBEDDINGS: msgspec.json.Decoder(bodies.EmbeddingsBody),
}
_RESULT = msgspec.json.Decoder(list[bodies.Part])
_TOP_LEVEL = msgspec.json.Decoder(dict[str, msgspec.Raw])

MAX_END_USER = 200
MAX_FEATURE = 120
MAX_TAG = 64
MAX_TAGS = 20

_IMAGE_PARTS = frozenset({"image_url", "image", "input_image"})


def validate(endpoint: Endpoint, content: bytes, headers: Mapping[str, str]) -> Request:
    """The request within `content`. Raises `InvalidRequest` saying what is wrong and where."""
    body, raw = _decode(endpoint, content)
    labels = _labels(body, headers)
    return Request(
        endpoint=endpoint,
        model_asked=body.model,
        is_stream=getattr(body, "stream", None) is True,
        needs=_needs(endpoint, body),
        labels=labels,
        raw=raw,
        body=body,
        content=content,
        headers={name: headers[name] for name in FORWARDED_HEADERS if name in headers},
    )


MAX_IDEMPOTENCY_KEY = 255
TRACEPARENT_CHARACTERS = 55  # of version 00


def identify(exchange: Exchange, content: bytes, headers: Mapping[str, str]) -> None:
    """Note what the caller wants of caches, the trace that the request is part of, and its idempotency key, if it has them. Raises
    `InvalidRequest` if that is too long, or a header of ours makes no sense."""
    exchange.control = policy.control(headers.get("cache-control", ""))
    if LEAST_SIMILARITY in headers:
        exchange.least_similarity = _similarity(headers[LEAST_SIMILARITY])
    if len(headers.get("traceparent", "")) == TRACEPARENT_CHARACTERS:
        exchange.traceparent = headers["traceparent"]
    key = headers.get("idempotency-key", "")
    if not key:
        return
    if len(key) > MAX_IDEMPOTENCY_KEY:
        raise InvalidRequest(f"An Idempotency-Key has at most {MAX_IDEMPOTENCY_KEY} characters.")
    digest = hashlib.sha256(key.encode()).hexdigest()
    exchange.idempotency = redis_keys.idempotency(exchange.snapshot.tenant_id, exchange.key.id, digest)
    exchange.fingerprint = hashlib.sha256(exchange.endpoint.value.encode() + b"\n" + content).hexdigest()


LEAST_SIMILARITY = "x-tollgate-least-similarity"


def _similarity(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise InvalidRequest(f"{LEAST_SIMILARITY} takes a number from 0 to 1.")
    return value


FORWARDED_HEADERS = ("anthropic-beta", "anthropic-version", "openai-beta")


def _decode(endpoint: Endpoint, content: bytes) -> tuple[Any, dict[str, msgspec.Raw]]:
    try:
        content.decode()  # the struct decoder skips unknown fields without looking at their bytes
        return _DECODERS[endpoint].decode(content), _TOP_LEVEL.decode(content)
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The body is not UTF-8: byte {error.start} does not belong there.") from error
    except RecursionError as error:
        raise InvalidRequest("The body is nested too deeply.") from error
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        param = where.rstrip("`") or None
        if param is None and (missing := _missing_field(what)):
            param = missing
        raise InvalidRequest(f"{what}{f' at {param}' if where else ''}.", param=param) from error
    except msgspec.DecodeError as error:
        raise InvalidRequest(
            f"The body is not valid JSON: {error}." if content else "The body is empty; send JSON."
        ) from error


NESTED = 100  # brackets of which nobody's own recursion would be to blame


def fault_of(content: bytes, failed: Exception) -> InvalidRequest | None:
    """What is wrong with a body that was taken, and at which something `failed`; None: nothing.

    Not every request's every field is read, and to read them all beforehand would cost each request more than all other checks. In one
    that nobody reads a number may be out of range; and what msgspec can read may still be nested too deeply for those who walk through it.
    """
    if isinstance(failed, RecursionError) and content.count(b"[") + content.count(b"{") > NESTED:
        return InvalidRequest("The body is nested too deeply.")
    try:
        msgspec.json.decode(content)
    except RecursionError:
        return InvalidRequest("The body is nested too deeply.")
    except (msgspec.MsgspecError, UnicodeError) as error:
        return InvalidRequest(f"The body holds what cannot be read: {error}.")
    return None


def _missing_field(message: str) -> str | None:
    prefix = "Object missing required field `"
    return message[len(prefix) : -1] if message.startswith(prefix) else None


def _needs(endpoint: Endpoint, body: Any) -> frozenset[str]:
    """The capabilities a model must have to take this request."""
    if endpoint is Endpoint.EMBEDDINGS:
        return frozenset({"embeddings"})
    needs = {"chat"}
    if getattr(body, "stream", None):
        needs.add("streaming")
    if body.tools or getattr(body, "functions", None):
        needs.add("tools")
    if any(wanted.type == "json_schema" for wanted in _formats(body)):
        needs.add("json_schema")
    for message in body.messages:
        if isinstance(message.content, list) and any(map(_is_image, message.content)):
            needs.add("vision")
            break
    return frozenset(needs)


def _formats(body: Any) -> list[bodies.ResponseFormat]:
    """The forms of output that are asked for, by whichever name."""
    config = getattr(body, "output_config", None)
    given = (
        getattr(body, "response_format", None),
        getattr(body, "output_format", None),
        config.format if config is not None else None,
    )
    return [wanted for wanted in given if wanted is not None]


def _is_image(part: bodies.Part) -> bool:
    """Also the result of a tool that holds one."""
    if part.type != "tool_result":
        return part.type in _IMAGE_PARTS
    if b'"image"' not in bytes(part.content):
        return False
    try:
        return any(inner.type == "image" for inner in _RESULT.decode(part.content))
    except msgspec.ValidationError:
        return False  # a text; the provider checks it


def _labels(body: Any, headers: Mapping[str, str]) -> Labels:
    """Who and what the request is for. A header goes before `metadata`, and that before `user`."""
    metadata = body.metadata or {}
    end_user = (
        _header(headers, "x-tollgate-user")
        or _text(metadata, "user_id")
        or getattr(body, "user", None)
        or getattr(body, "safety_identifier", None)
        or ""
    )
    feature = _header(headers, "x-tollgate-feature") or _text(metadata, "feature")
    given = _header(headers, "x-tollgate-tags") or metadata.get("tags")
    tags = _tags(given) if given else ()
    if not (end_user or feature or tags):
        return _NO_LABELS
    _check("end user", end_user, MAX_END_USER, "user")
    _check("feature", feature, MAX_FEATURE, "metadata.feature")
    return Labels(end_user=end_user, feature=feature, tags=tags)


_NO_LABELS = Labels()


def _header(headers: Mapping[str, str], name: str) -> str:
    """A header's text; %-escapes stand for what HTTP headers cannot carry."""
    value = headers.get(name)
    return unquote(value).strip() if value else ""


def _text(metadata: Mapping[str, Any], name: str) -> str:
    value = metadata.get(name) or ""
    if not isinstance(value, str):
        raise InvalidRequest(f"metadata.{name} must be a string.", param=f"metadata.{name}")
    return value


def _tags(value: Any) -> tuple[str, ...]:
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise InvalidRequest(
            "metadata.tags must be a list of strings or one string with commas.", param="metadata.tags"
        )
    tags = tuple(dict.fromkeys(word.strip() for word in words if word.strip()))
    if len(tags) > MAX_TAGS:
        raise InvalidRequest(f"A request carries at most {MAX_TAGS} tags.", param="metadata.tags")
    for tag in tags:
        _check("tag", tag, MAX_TAG, "metadata.tags")
    return tags


def _check(what: str, text: str, limit: int, param: str) -> None:
    if len(text) > limit:
        raise InvalidRequest(f"The {what} is longer than {limit} characters.", param=param)
    if not text.isprintable():
        raise InvalidRequest(f"The {what} holds characters that cannot be printed.", param=param)
