"""What tells requests apart: a hash of everything that can change the answer. Two requests with the same one are the same question.

All of the body counts, fields that Tollgate has never heard of included, but for what says how the answer is delivered and whom the call is
for. The models count that the route leads to, so that a key which may not use a model never gets its answer and an edited route or upstream
begins anew; so does the context policy, for the body is hashed as it goes on to the model. The tenant counts, though each has a cache of
its own: what is remembered of one tells nothing about another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

import msgspec

from gateway.types import Attempt, Plan, Request

VERSION = 1  # of this scheme: another one finds nothing of the older one's
DIGEST_BYTES = 24
# How the answer comes (stream, and the usage in it), and labels. A rule may ask for labels; what it decides is in the route.
LEFT_OUT = frozenset({"stream", "stream_options", "metadata", "user", "safety_identifier"})
# Where the order of an object's names says nothing to the model. It reads tools and schemas in the order in which they are written.
ORDERLESS = frozenset({"messages", "system"})
EXACT_FLOAT = 2.0**53
LARGEST_REMEMBERED = 8192  # bytes of a body
MOST_ONCE = 16_384  # bodies of which it is known that they came, a few minutes' worth; 1.5 MB
_UNKNOWN = b"?"
_NOTHING: Mapping[str, Any] = MappingProxyType({})

_decode = msgspec.json.Decoder().decode
_sorted = msgspec.json.Encoder(order="deterministic").encode
_as_given = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode


class Known:
    """What was worked out before, by tenant, end user and body; bounded, as bodies are kept with it. A body is kept when it comes a second
    time: most never do, and would only take room."""

    __slots__ = ("_by_name", "_most_bytes", "_once", "size")

    def __init__(self, *, most_bytes: int) -> None:
        self._by_name: dict[tuple[UUID, str, bytes], bytes | None] = {}
        self._once: set[int] = set()  # hashes of what came once; where two are the same, one is kept too soon
        self._most_bytes = most_bytes
        self.size = 0

    def of(self, tenant_id: UUID, end_user: str, request: Request) -> bytes | None:
        """The hash of the body's fields. What is asked over and over comes byte for byte the same, so that it is worked out once; for each
        tenant, and for each end user as far as they are kept apart, so that no time tells what another one has asked."""
        content = request.content
        if len(content) > LARGEST_REMEMBERED:
            return fields(request.raw)
        name = tenant_id, end_user, content
        found = self._by_name.get(name, _UNKNOWN)
        if found is _UNKNOWN:
            found = fields(request.raw)
            number = hash(name)
            if number not in self._once:
                if len(self._once) >= MOST_ONCE:
                    self._once.clear()
                self._once.add(number)
                return found
            self._once.discard(number)
            self.size += len(content)
            if self.size > self._most_bytes:
                self._by_name.clear()
                self.size = len(content)
            self._by_name[name] = found
        return found


def digest(tenant_id: UUID, request: Request, plan: Plan, *, end_user: str, known: Known) -> str | None:
    """The fingerprint of a request as it goes on, along its route. `end_user`: whose alone the answer is; empty: the whole tenant's.
    `known`: what was worked out before.

    None where the body cannot be told for certain from another one: a name that stands twice in an object is read differently by
    different parsers.
    """
    fields = known.of(tenant_id, end_user, request)
    if fields is None:
        return None
    parts = (
        VERSION,
        tenant_id.bytes,
        request.endpoint.logged,
        end_user,
        sorted(request.headers.items()),
        route(plan),
        fields,
    )
    return hashlib.sha256(_pack(parts)).digest()[:DIGEST_BYTES].hex()


def fields(raw: dict[str, msgspec.Raw], instead: Mapping[str, Any] = _NOTHING) -> bytes | None:
    """The hash of a body's fields, some of which another value stands for; None if one of them is ambiguous, one of those included."""
    found: list[Any] = []
    for name in sorted(raw):
        if name in LEFT_OUT:
            continue
        value = _canonical(name, raw[name])
        if value is None:
            return None
        found.append((name, instead.get(name, value)))
    return hashlib.sha256(_pack(found)).digest()


def _canonical(name: str, given: msgspec.Raw) -> Any:
    """Text, a number or the like as its value, anything else as bytes; None if it is ambiguous."""
    data = bytes(given)
    try:
        value = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ("as it came", data)  # half a surrogate, a number out of range: whoever gets it decides
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < EXACT_FLOAT else value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else ("as it came", data)
    if not isinstance(value, list | dict):
        return ("", value)
    encoded = _sorted(value) if name in ORDERLESS else _as_given(value)
    return encoded if _colons(data) == encoded.count(b":") else None


def _colons(data: bytes) -> int:
    """How many colons the JSON has, escaped ones counted at least once. A name that stands twice in an object loses one when decoded."""
    count = data.count(b":")
    if b"\\u003" in data:
        count += data.count(b"\\u003a") + data.count(b"\\u003A")
    return count


def route(plan: Plan) -> tuple[Any, ...]:
    """The models that may answer, in whatever order they would be tried; of an experiment, the one whose turn it is."""
    attempts = plan.attempts
    if len(attempts) == 1:
        return _model(attempts[0])
    first = attempts[0].model.name if plan.strategy == "weighted" else ""
    cascade = msgspec.structs.astuple(plan.cascade) if plan.cascade is not None else None
    return (first, cascade, sorted(map(_model, attempts)))


def _model(attempt: Attempt) -> tuple[str, str, str, str]:
    model = attempt.model
    return (model.name, model.provider.kind, model.provider.base_url, model.upstream_id)
