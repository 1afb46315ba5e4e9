"""Is a cheap model's answer good enough, or is a better model asked? What the judge of the tenant says of question and answer.

The judge (`gateway.quality`) is read on the first cascade under a snapshot and kept with it. Without one that can be read, every answer
escalates: quality before cost.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Any, NamedTuple

import msgspec

from gateway import answers
from gateway.errors import StoreUnavailable
from gateway.pipeline.exchange import Exchange
from gateway.quality import signals, threshold, verdict, versions
from gateway.quality.threshold import Threshold
from gateway.quality.verdict import Verdict
from gateway.quality.versions import InForce
from gateway.runtime import Runtime
from gateway.types import Cascade, Request, Surface

logger = logging.getLogger(__name__)
UNREADABLE = Verdict(False, None, ("unreadable",))
NO_JUDGE = Verdict(False, None, ("no_judge",))
MAX_JUDGED = 20_000  # characters of either side


class _Token(msgspec.Struct):
    logprob: float


class _Logprobs(msgspec.Struct):
    content: list[_Token] | None = None


class _Choice(msgspec.Struct):
    logprobs: _Logprobs | None = None


class _Answer(msgspec.Struct):
    choices: list[_Choice] = []


class _Schema(msgspec.Struct):
    schema: dict[str, Any] | None = None


class _Format(msgspec.Struct):
    """OpenAI puts the schema into `json_schema`, Anthropic beside the type."""

    type: str = ""
    json_schema: _Schema | None = None
    schema: dict[str, Any] | None = None

    @property
    def wanted(self) -> dict[str, Any] | None:
        return self.json_schema.schema if self.json_schema else self.schema


class _Config(msgspec.Struct):
    format: _Format | None = None


class Judge(NamedTuple):
    """What judges a tenant's answers, and the thresholds chosen so far, by target."""

    in_force: InForce
    thresholds: dict[float, Threshold]


async def judge(exchange: Exchange, request: Request, cascade: Cascade, body: bytes, runtime: Runtime) -> Verdict:
    """Judge an answer in the caller's format, whole or a stream read to its end."""
    words = (answers.of_stream if request.is_stream else answers.of_whole)(request.endpoint.surface, body)
    if words is None:
        return UNREADABLE
    wanted = _format(request)
    seen = signals.read(
        words.text,
        finish_reason=words.finish_reason,
        wants_json=wanted.type in ("json_object", "json_schema"),
        json_schema=wanted.wanted,
        logprobs=() if request.is_stream else _logprobs(body),
        calls_tools=words.calls_tools,
    )
    if words.calls_tools and not seen.is_hopeless:
        return Verdict(True, None, seen.names)  # nothing is known of which calls are right
    try:
        found = await _judge(exchange, runtime)
    except StoreUnavailable:
        logger.exception("%s: there is nobody to judge its answer", exchange.public_id)
        return NO_JUDGE
    chosen = _threshold(found, cascade)
    return verdict.reach(
        _question(request)[-MAX_JUDGED:],
        words.text[:MAX_JUDGED],
        signals=seen,
        classifier=found.in_force.classifier,
        threshold=chosen,
    )


async def _judge(exchange: Exchange, runtime: Runtime) -> Judge:
    snapshot = exchange.snapshot
    found: Judge | None = snapshot.remembered.get("judge")
    if found is None:
        name = ("judge", snapshot.tenant_id, snapshot.version)
        in_force = await runtime.threads.once(name, partial(versions.in_force, snapshot.tenant_id))
        found = snapshot.remembered["judge"] = Judge(in_force, {})
    return found


def _threshold(found: Judge, cascade: Cascade) -> Threshold:
    """An admin's own, or the one that keeps wrong answers under the target."""
    if cascade.threshold is not None:
        return Threshold(cascade.threshold, cascade.target, 1.0, 0, 0, 0)
    chosen = found.thresholds.get(cascade.target)
    if chosen is None:
        chosen = found.thresholds[cascade.target] = threshold.choose(found.in_force.unseen, target=cascade.target)
    return chosen


def _question(request: Request) -> str:
    """The user's last words."""
    body: Any = request.body
    for message in reversed(body.messages):
        if message.role == "user":
            content = message.content
            return content if isinstance(content, str) else "\n".join(part.text or "" for part in content or ())
    return ""


def _format(request: Request) -> _Format:
    config, asked = request.raw.get("output_config"), request.raw.get("response_format")
    try:
        if config is not None and request.endpoint.surface is Surface.ANTHROPIC:
            return msgspec.json.decode(config, type=_Config).format or _Format()
        asked = asked if asked is not None else request.raw.get("output_format")
        return msgspec.json.decode(asked, type=_Format | None) or _Format() if asked is not None else _Format()
    except msgspec.ValidationError:
        return _Format()


def _logprobs(body: bytes) -> list[float]:
    if b'"logprobs"' not in body:
        return []
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.MsgspecError:
        return []
    found = answer.choices[0].logprobs if answer.choices else None
    return [token.logprob for token in found.content or ()] if found else []
