"""Requests on their way to a provider whose prompt cache is the simulator's, by a clock that the test moves: no sockets, no services.

Each call is decided, put on the wire, read and cached just as on the real way; only what stands before and behind is left out.
"""

from __future__ import annotations

import datetime as dt
import json
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from billing import prices
from gateway.pipeline import validator
from gateway.prefix import keys, marks
from gateway.prefix.decision import Decision
from gateway.prefix.marks import NONE, Marks
from gateway.prefix.memory import PrefixMemory
from gateway.providers import anthropic, openai
from gateway.types import Endpoint, Model, PrefixPolicy, Provider, Secret, Usage
from simulator import chat_requests, messages_requests
from simulator.prefix_cache import PrefixCache

TENANT = UUID(int=7)
AT = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
SECRET = b"s" * 32
SENTENCE = "the cat sat on a mat "  # six of the simulator's tokens in 21 bytes


def words(count: int, mark: str = "") -> str:
    """A text of about that many tokens, by the simulator's count and the gateway's estimate alike; told apart by `mark`."""
    return f"{mark} " + SENTENCE * (count // 6)


def model(name: str = "claude-sonnet-4-5", kind: str = "anthropic", **fields: Any) -> Model:
    given: dict[str, Any] = {
        "upstream_id": name,
        "provider": Provider(id=UUID(int=1), name=kind, kind=kind, base_url="http://x", credential=Secret("")),
        "capabilities": frozenset({"chat"}),
        "context_window": None,
        "max_output_tokens": None,
        "price": prices.resolve(kind=kind, upstream_id=name, at=AT),
        "created_at": 0,
        **fields,
    }
    return Model(name=name, **given)


class Sent(NamedTuple):
    """A call that was made: its marks, the body that went upstream, and what the provider read and wrote."""

    marks: Marks
    body: dict[str, Any]
    usage: Usage
    input_nanousd: int


class Traffic:
    """One provider and one process, and calls to it. `now` is in seconds; `minimum`: what the provider keeps at least, instead of the
    model's own."""

    def __init__(self, policy: PrefixPolicy | None = None, *, minimum: int | None = None) -> None:
        self.now = 1000.0
        self.memory = PrefixMemory()
        self.policy = PrefixPolicy() if policy is None else policy
        self.cache = PrefixCache(now=lambda: self.now)
        self.minimum = minimum

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def send(
        self,
        body: dict[str, Any],
        to: Model | None = None,
        *,
        endpoint: Endpoint = Endpoint.MESSAGES,
        given: Marks | None = None,
        tenant: UUID = TENANT,
    ) -> Sent:
        """Decide and call. `given`: these marks instead."""
        target = model() if to is None else to
        content = json.dumps({"model": target.name, "max_tokens": 100, **body}).encode()
        request = validator.validate(endpoint, content, {})
        decision = None
        if given is None and self.policy.is_on:
            known = self.memory.tenant(tenant)
            decision = Decision(
                request, [target], self.policy, memory=self.memory, tenant=known, now=self.now,
                has_own=marks.has_own(content), key=partial(keys.of, tenant_id=tenant, tenant=known, secret=SECRET),
            )  # fmt: skip
        chosen = given or (decision.sent(target) if decision else NONE)
        module = anthropic if target.provider.kind == "anthropic" else openai
        wire = json.loads(module.prepare(request, target, 100, chosen).body)
        parse = messages_requests.parse if target.provider.kind == "anthropic" else chat_requests.parse
        told = self.cache.usage_of(parse(wire), api_key="k", minimum=self.minimum)
        usage = Usage(
            input_tokens=told.input_tokens, cache_read_tokens=told.cache_read_tokens,
            cache_write_5m_tokens=told.cache_write_5m_tokens, cache_write_1h_tokens=told.cache_write_1h_tokens,
        )  # fmt: skip
        if decision is not None:
            decision.answered(usage)
        assert target.price is not None
        return Sent(chosen, wire, usage, prices.cost_nanousd(target.price, usage))


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def talk(turns: int, mark: str, size: int = 600) -> list[dict[str, Any]]:
    """A conversation up to the user's words of that turn."""
    said = []
    for turn in range(turns):
        said += [user(words(size, f"{mark} question {turn}")), assistant(words(size, f"{mark} answer {turn}"))]
    return said[:-1]


SYSTEM = words(2000, "You are a desk.")
