"""What the simulator can be told to do, and the grammar that tells it in a model's name.

A model name may carry options as a URL's query does: `NAME?option=value&option=value`, with percent-encoding where a value needs it:

    sim-gpt?latency_ms=50&output_tokens=20
    claude-sonnet-4-5?fault=cut&fault_after_chunks=5
    gpt-4o?output_text=Hello%20there

Any name may carry them, and any name without them answers with the defaults. The options are the fields of `Behaviour`. This module
does not decide which behaviour applies to a request; `behaviour_table` does.
"""

from __future__ import annotations

import functools
import urllib.parse
from typing import Annotated, Literal

import msgspec

from simulator.errors import ProviderError

Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=3_600_000)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]
Status = Annotated[int, msgspec.Meta(ge=400, le=599)]
Rate = Annotated[float, msgspec.Meta(ge=0, le=1)]
Finish = Literal["refusal", "content_filter", "length"]
Fault = Literal[
    "400", "401", "403", "404", "408", "409", "413", "422", "429", "500", "502", "503", "504", "529",
    "insufficient_quota", "credential_echo",
    "hang", "reset", "cut", "half_close", "trickle", "bad_json", "error_event", "slow_first_byte",
    "empty", "garbage_content_type", "wrong_content_type",
]  # fmt: skip


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Every option; None leaves the matter to the next behaviour below it, and at last to the default named here."""

    # time
    latency_ms: Milliseconds | None = None
    """Wait before the status line, until a reset at the latest. Default 0."""
    first_byte_ms: Milliseconds | None = None
    """Wait between the headers and the first byte of the body. Default 0; 5000 with the fault `slow_first_byte`."""
    chunk_ms: Milliseconds | None = None
    """Time that each content chunk of a stream takes. Default 0."""
    tokens_per_chunk: Positive | None = None
    """Tokens that one content chunk carries. Default 1."""
    chunks_per_write: Positive | None = None
    """Events that go into one write to the socket. Default 1."""

    # the answer
    output_tokens: Count | None = None
    """The visible text has exactly that many tokens, unless a limit or a stop sequence ends it."""
    output_text: str | None = None
    """The text to answer with; beside tool calls, the text that goes before them."""
    finish: Finish | None = None
    """Ends the answer as a refusal, by the content filter, or as if the token limit had been reached."""
    strict: bool | None = None
    """Refuse request fields that the provider does not know. Default false, so that new parameters pass."""
    context_window: Positive | None = None
    """Longer prompts are refused the way the provider does. Default 1 000 000 tokens."""
    headers: dict[str, str] | None = None
    """Response headers to add or to replace."""

    # the usage that is reported
    input_tokens: Count | None = None
    """The whole prompt, cached tokens included, in both formats."""
    cached_tokens: Count | None = None
    """Tokens read from the prompt cache."""
    cache_write_tokens: Count | None = None
    """Tokens written to Anthropic's 5-minute cache, or to OpenAI's."""
    cache_write_1h_tokens: Count | None = None
    """Tokens written to Anthropic's 1-hour cache."""
    cache_minimum_tokens: Count | None = None
    """Shorter marked prefixes are not cached by Anthropic's format. Default: the model's own, 0 for models that Anthropic does not have."""
    reasoning_tokens: Count | None = None
    """OpenAI's hidden reasoning."""
    reported_output_tokens: Count | None = None
    """Report another number than was sent."""
    omit_usage: bool | None = None
    """Leave the usage out of the answer. Default false."""

    # faults
    fault: Fault | None = None
    fault_after_chunks: Count | None = None
    """Content chunks before a fault inside a stream. Default 3. Set, it also moves `hang` and `reset` into the stream."""
    trickle_ms: Milliseconds | None = None
    """Time that each byte of the body takes with the fault `trickle`. Default 500."""
    fault_rate: Rate | None = None
    """The share of requests that meet the fault. Default 1; 0.25 is every fourth."""
    fault_seed: int | None = None
    """Draws the share from a repeatable random sequence instead of spacing it evenly."""
    status: Status | None = None
    """The status of an error; alone, it is a fault of that status."""
    error_type: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    retry_after: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """Seconds, for the `retry-after` header. A 429 sends 1 when this is not set."""
    should_retry: bool | None = None
    """Sends `x-should-retry`."""


def merge(lower: Behaviour, upper: Behaviour) -> Behaviour:
    """`upper`'s options where it has them, else `lower`'s."""
    changes = {name: value for name in Behaviour.__struct_fields__ if (value := getattr(upper, name)) is not None}
    return msgspec.structs.replace(lower, **changes) if changes else lower


@functools.lru_cache(maxsize=1024)
def of_model(model: str) -> Behaviour | None:
    """The options that a model's name carries, None when it carries none. Raises ProviderError (400) for one that does not parse."""
    _, mark, query = model.partition("?")
    if not mark:
        return None
    options = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    try:
        return msgspec.convert(options, Behaviour, strict=False)
    except msgspec.ValidationError as error:
        raise ProviderError(
            400, f"The model name '{model}' has a bad simulator option: {error}", param="model"
        ) from error


def plain_model(model: str) -> str:
    """The name without its options."""
    return model.partition("?")[0]
