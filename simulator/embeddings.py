"""The embeddings endpoint's part that is not HTTP: reads a request, makes vectors and renders the answer.

A vector is drawn from a hash of the text and has length one. Equal texts have equal vectors, other texts are as good as orthogonal;
fewer dimensions are the first ones of the full vector, brought back to length one.
"""

from __future__ import annotations

import array
import base64
import hashlib
import math
import sys
from typing import Any

import msgspec

from simulator import field_checks, tokens
from simulator.errors import ProviderError

DEFAULT_DIMENSIONS = 1536
MODEL_DIMENSIONS = {"text-embedding-3-large": 3072}
FIXED_SIZE_MODELS = frozenset({"text-embedding-ada-002"})
MAXIMUM_INPUTS = 2048
FIELDS = frozenset({"input", "model", "encoding_format", "dimensions", "user"})


class EmbeddingAsk(msgspec.Struct, frozen=True):
    """`texts` stand for the inputs; token arrays are named by their numbers. `input_tokens` counts them all."""

    model: str
    texts: list[str]
    input_tokens: int
    dimensions: int
    is_base64: bool


def parse(body: Any, *, is_strict: bool = False) -> EmbeddingAsk:
    """Raises ProviderError (400)."""
    if not isinstance(body, dict):
        raise ProviderError(400, "Invalid body: expected a JSON object.")
    model = body.get("model")
    if not model:
        raise ProviderError(400, "you must provide a model parameter")
    if not isinstance(model, str):
        raise field_checks.wrong_type("model", "a string", model)
    if is_strict and (unknown := sorted(set(body) - FIELDS)):
        raise ProviderError(400, f"Unknown parameter: '{unknown[0]}'.", param=unknown[0], code="unknown_parameter")
    if "input" not in body:
        raise field_checks.missing("input")
    texts, size = _inputs(body["input"])
    encoding = field_checks.optional_choice(body, "encoding_format", ("float", "base64"))
    plain = model.partition("?")[0]
    full = MODEL_DIMENSIONS.get(plain, DEFAULT_DIMENSIONS)
    dimensions = field_checks.optional_number(body, "dimensions", int, 1, full)
    if dimensions is not None and plain in FIXED_SIZE_MODELS:
        raise ProviderError(400, "This model does not support specifying dimensions.", param="dimensions")
    return EmbeddingAsk(model, texts, size, dimensions or full, encoding == "base64")


def vector_of(text: str, dimensions: int = DEFAULT_DIMENSIONS) -> array.array[float]:
    """The text's unit vector, as 32-bit floats."""
    raw = array.array("h", hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(2 * dimensions))
    if sys.byteorder == "big":
        raw.byteswap()
    length = math.sqrt(sum([value * value for value in raw])) or 1.0
    return array.array("f", [value / length for value in raw])


def render(ask: EmbeddingAsk, *, prompt_tokens: int, omits_usage: bool) -> bytes:
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(vector_of(text, ask.dimensions), ask.is_base64)}
        for index, text in enumerate(ask.texts)
    ]
    body: dict[str, Any] = {"object": "list", "data": data, "model": ask.model}
    if not omits_usage:
        body["usage"] = {"prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens}
    return msgspec.json.encode(body)


def _encoded(vector: array.array[float], is_base64: bool) -> Any:
    if not is_base64:
        return vector.tolist()
    if sys.byteorder == "big":
        vector.byteswap()
    return base64.b64encode(vector.tobytes()).decode()


def _inputs(value: Any) -> tuple[list[str], int]:
    """The inputs as texts, and their tokens."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        raise field_checks.wrong_type("input", "one of a string or array", value)
    if value and all(_is_token(item) for item in value):
        value = [value]
    if not value or not all(item for item in value):
        raise ProviderError(
            400, "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference."
        )
    if len(value) > MAXIMUM_INPUTS:
        message = f"Invalid 'input': array too long. Expected an array with maximum length {MAXIMUM_INPUTS}, but got {len(value)}."
        raise ProviderError(400, message, param="input", code="array_above_max_length")
    texts: list[str] = []
    size = 0
    for item in value:
        if isinstance(item, str):
            texts.append(item)
            size += tokens.count(item)
        elif isinstance(item, list) and all(_is_token(token) for token in item):
            texts.append("tokens " + " ".join(map(str, item)))
            size += len(item)
        else:
            raise field_checks.wrong_type("input", "an array of strings or of token arrays", item)
    return texts, size


def _is_token(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
