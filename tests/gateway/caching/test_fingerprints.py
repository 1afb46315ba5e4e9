"""Requests that may be answered differently have different fingerprints, field by field; those that may not have the same one.

The fields come from the structs that a request is made of, so that a new one is noticed here.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import bodies
from gateway.caching import fingerprints
from gateway.caching.fingerprints import Known
from gateway.pipeline.validator import FORWARDED_HEADERS, validate
from gateway.types import Attempt, Cascade, Endpoint, Key, Labels, Model, Plan, Provider, Request
from tests.gateway.routing.ground import CLAUDE, OPENAI, model

ACME, GLOBEX = UUID(int=1), UUID(int=2)
MUCH = 1_000_000
HELLO = [{"role": "user", "content": "hello"}]
BASE: dict[Endpoint, dict[str, Any]] = {
    Endpoint.CHAT: {"model": "m", "messages": HELLO},
    Endpoint.MESSAGES: {"model": "m", "messages": HELLO, "max_tokens": 50},
    Endpoint.EMBEDDINGS: {"model": "m", "input": "hello"},
}
STRUCTS = {
    Endpoint.CHAT: bodies.ChatBody,
    Endpoint.MESSAGES: bodies.MessagesBody,
    Endpoint.EMBEDDINGS: bodies.EmbeddingsBody,
}
LOOK = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {"a": {}, "b": {}}}},
}
# Of each field that Tollgate reads, values that may be answered differently; empty: it changes no answer.
VARIED: dict[str, list[Any]] = {
    "model": ["task/m", "M"],
    "messages": [
        [{"role": "user", "content": "hello "}],
        [{"role": "user", "content": "Hello"}],
        [{"role": "system", "content": "hello"}],
        [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
        [{"role": "system", "content": "Be brief."}, *HELLO],
        [{"role": "developer", "content": "Be brief."}, *HELLO],
        [*HELLO, {"role": "assistant", "content": "Hi"}],
        [*HELLO, *HELLO],
        [{"role": "user", "content": "hello", "name": "ada"}],
        [{"role": "user", "content": "hello", "x_unknown": 1}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/1.png"}}]}],
    ],
    "system": ["Be brief.", "Be brief", [{"type": "text", "text": "Be brief."}]],
    "max_tokens": [51, 52],
    "max_completion_tokens": [51, 52],
    "n": [1, 2],
    "tools": [[], [LOOK], [LOOK, LOOK], [{**LOOK, "strict": True}]],
    "response_format": [{"type": "text"}, {"type": "json_object"}],
    "functions": [[{"name": "a"}], [{"name": "b"}]],
    "output_config": [{"effort": "low"}, {"effort": "high"}],
    "output_format": [{"type": "text"}, {"type": "json_object"}],
    "thinking": [{"type": "disabled"}, {"type": "enabled", "budget_tokens": 20}],
    "input": ["hello ", ["hello"], [1, 2], [[1, 2]]],
    "encoding_format": ["float", "base64"],
    "dimensions": [8, 9],
    "stream": [],
    "stream_options": [],
    "user": [],
    "safety_identifier": [],
    "metadata": [],
}
# Parameters that Tollgate passes through without reading them, some of which nobody has heard of.
PASSED: dict[str, list[Any]] = {
    "temperature": [0, 0.1],
    "top_p": [0.5, 0.6],
    "top_k": [1, 2],
    "seed": [1, 2, 12345678901234567890123, 12345678901234567890124, None],
    "stop": ["a", ["a"], ["a", "b"], ["b", "a"]],
    "stop_sequences": [["a"], ["b"]],
    "logprobs": [True, False],
    "top_logprobs": [1, 2],
    "logit_bias": [{"1": 1}, {"1": 2}, {"2": 1}],
    "presence_penalty": [0.1, 0.2],
    "frequency_penalty": [0.1, 0.2],
    "reasoning_effort": ["low", "high"],
    "verbosity": ["low", "high"],
    "tool_choice": ["auto", "none", {"type": "tool", "name": "look"}],
    "parallel_tool_calls": [True, False],
    "modalities": [["text"], ["text", "audio"]],
    "prediction": [{"type": "content", "content": "a"}, {"type": "content", "content": "b"}],
    "service_tier": ["auto", "flex"],
    "context_management": [{"edits": []}, {"edits": [{}]}],
    "x_future": [0, 1, True, False, None, "", "0", [], {}, [None], {"a": None}],
    "prompt_cache_key": ["a", "b"],
}


def plan(*models: Model, **fields: Any) -> Plan:
    attempts = tuple(Attempt(item, "") for item in models or (model("m"),))
    return Plan(attempts=attempts, task="", rule="", **fields)


def request(endpoint: Endpoint = Endpoint.CHAT, headers: dict[str, str] | None = None, **fields: Any) -> Request:
    return raw({**BASE[endpoint], **fields}, endpoint, headers)


def raw(body: Any, endpoint: Endpoint = Endpoint.CHAT, headers: dict[str, str] | None = None) -> Request:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return validate(endpoint, content, headers or {})


def digest(asked: Request, route: Plan | None = None, *, tenant: UUID = ACME, end_user: str = "") -> str:
    found = fingerprints.digest(tenant, asked, route or plan(), end_user=end_user, known=Known(most_bytes=MUCH))
    assert found is not None
    return found


def test_every_field_that_is_read_is_varied_here():
    read = {field.name for struct in STRUCTS.values() for field in msgspec.structs.fields(struct)}
    assert read == set(VARIED)


def test_every_part_of_a_request_a_route_and_a_key_is_accounted_for():
    """A new field of these structs must be looked at here: can it change an answer?"""
    counted = {"endpoint", "raw", "headers"}
    told_by_others = {"model_asked", "is_stream", "needs", "body", "content"}  # they follow from `raw`
    assert set(Request.__struct_fields__) == counted | told_by_others | {"labels"}
    assert set(Labels.__struct_fields__) == {
        "end_user",
        "feature",
        "tags",
    }  # rules ask for them, and make another route
    assert set(Plan.__struct_fields__) == {"attempts", "strategy", "cascade"} | {
        "task", "rule", "first_byte_seconds", "may_replay", "replay_similarity", "escapes_refusals", "dropped",
    }  # fmt: skip
    assert set(Model.__struct_fields__) == {"name", "upstream_id", "provider"} | {
        "capabilities", "context_window", "max_output_tokens", "price", "created_at", "breaker", "quality",
    }  # fmt: skip
    assert set(Provider.__struct_fields__) == {"kind", "base_url"} | {"id", "name", "credential", "is_guarded"}
    assert set(Key.__struct_fields__) == {"allowed_models", "allowed_tasks"} | {  # these two narrow the route, or refuse
        "id", "scopes", "expires_at", "pace", "limits", "is_playground", "prefix", "ends_at",
    }  # fmt: skip


def fields_of(endpoint: Endpoint) -> list[str]:
    return [name for name in VARIED if name in STRUCTS[endpoint].__struct_fields__] + list(PASSED)


@pytest.mark.parametrize(("endpoint", "name"), [(item, name) for item in STRUCTS for name in fields_of(item)])
def test_each_value_of_each_field_is_another_question(endpoint: Endpoint, name: str):
    asked = [request(endpoint)]
    for value in {**VARIED, **PASSED}[name]:
        asked.append(raw({**BASE[endpoint], name: value}, endpoint))
    found = [digest(item) for item in asked]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    "fields",
    [
        {"stream": True},
        {"stream": False},
        {"stream": True, "stream_options": {"include_usage": True}},
        {"user": "ada"},
        {"safety_identifier": "ada"},
        {"metadata": {"user_id": "ada", "feature": "search", "tags": ["a"], "x": 1}},
    ],
)
def test_how_the_answer_comes_and_whom_it_is_for_makes_no_difference(fields: dict[str, Any]):
    assert digest(request(**fields)) == digest(request())


@pytest.mark.parametrize("header", FORWARDED_HEADERS)
def test_the_headers_that_go_to_the_provider_count(header: str):
    found = {digest(request(headers=headers)) for headers in ({}, {header: "a"}, {header: "b"})}
    assert len(found) == 3


def test_the_surface_counts():
    body = {"model": "m", "messages": HELLO, "max_tokens": 50}
    assert digest(raw(body, Endpoint.CHAT)) != digest(raw(body, Endpoint.MESSAGES))


def test_tenants_and_end_users_are_told_apart():
    found = {digest(request(), tenant=tenant, end_user=user) for tenant in (ACME, GLOBEX) for user in ("", "ada", "bo")}
    assert len(found) == 6


def test_the_route_counts():
    one, two = model("one"), model("two")
    routes = [
        plan(one),
        plan(two),
        plan(one, two),
        plan(model("one", upstream_id="other")),
        plan(model("one", provider=CLAUDE)),
        plan(model("one", provider=msgspec.structs.replace(OPENAI, base_url="http://elsewhere"))),
        plan(one, two, strategy="cascade", cascade=Cascade(target=0.05)),
        plan(one, two, strategy="cascade", cascade=Cascade(target=0.01)),
        plan(one, two, strategy="weighted"),
        plan(two, one, strategy="weighted"),
    ]
    assert len({digest(request(), route) for route in routes}) == len(routes)


def test_the_order_in_which_models_are_tried_does_not():
    one, two = model("one"), model("two")
    assert digest(request(), plan(one, two, strategy="fastest")) == digest(
        request(), plan(two, one, strategy="fastest")
    )


CHAT_ABOUT = b'{"model":"m","messages":[{"role":"user","content":%s}]%s}'
SAME = [
    (CHAT_ABOUT % (b'"x"', b""), b'{"messages":[{"content":"x","role":"user"}],"model":"m"}'),
    (CHAT_ABOUT % (b'"x"', b""), b' {\n "model" : "m", "messages": [ {"role":"user","content":"\\u0078"} ] }'),
    (CHAT_ABOUT % (b'"a:b"', b',"temperature":0'), CHAT_ABOUT % (b'"a\\u003ab"', b',"temperature":0.0')),
    (CHAT_ABOUT % (b'"x"', b',"top_p":0.10,"seed":1e2'), CHAT_ABOUT % (b'"x"', b',"seed":100,"top_p":1e-1')),
    (
        CHAT_ABOUT % (b'[{"type":"text","text":"x","cache_control":{"type":"e","ttl":"5m"}}]', b""),
        CHAT_ABOUT % (b'[{"cache_control":{"ttl":"5m","type":"e"},"text":"x","type":"text"}]', b""),
    ),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_in_another_spelling_is_the_same(one: bytes, other: bytes):
    assert digest(raw(one)) == digest(raw(other))


def test_the_order_of_tools_and_of_the_names_in_a_schema_counts():
    """The model reads them in that order, and answers in it."""
    reordered = json.loads(json.dumps(LOOK))
    reordered["function"]["parameters"]["properties"] = {"b": {}, "a": {}}
    other = {"type": "function", "function": {"name": "find"}}
    found = {digest(request(tools=tools)) for tools in ([LOOK], [reordered], [LOOK, other], [other, LOOK])}
    assert len(found) == 4


TWICE = [
    b'{"model":"m","messages":[{"role":"user","content":"evil","content":"hello"}]}',
    b'{"model":"m","messages":[{"role":"user","content":"evil","content":"hello"},{"role":"user","content":"a\\u003ab"}]}',
    b'{"model":"m","messages":[{"role":"user","content":"hello"}],"response_format":{"type":"text","type":"json_object"}}',
    b'{"model":"m","messages":[{"role":"user","content":"hello"}],"x":{"a":{"b":1,"b":2}}}',
]  # fmt: skip


@pytest.mark.parametrize("content", TWICE)
def test_a_body_that_parsers_read_differently_has_none(content: bytes):
    assert fingerprints.digest(ACME, raw(content), plan(), end_user="", known=Known(most_bytes=MUCH)) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same to a provider. Python holds 1 and True for equal."""
    return json.dumps(one) == json.dumps(other)


@settings(max_examples=300, deadline=None)
@given(one=JSON, other=JSON)
def test_two_values_of_an_unknown_field_have_the_same_fingerprint_only_if_they_are_the_same(one: Any, other: Any):
    found = [digest(raw({**BASE[Endpoint.CHAT], "x_future": value})) for value in (one, other)]
    if found[0] == found[1] and not _same(one, other):
        assert isinstance(one, int | float)
        assert isinstance(other, int | float)
        assert float(one) == float(other)  # 1 and 1.0
    if _same(one, other):
        assert found[0] == found[1]


def test_what_is_remembered_is_what_would_be_worked_out():
    known = Known(most_bytes=MUCH)
    for _ in range(3):
        for tenant in (ACME, GLOBEX):
            for user in ("", "ada"):
                found = fingerprints.digest(tenant, request(), plan(), end_user=user, known=known)
                assert found == digest(request(), tenant=tenant, end_user=user)
    assert known.size == 4 * len(request().content)  # once each: no time tells what another one has asked


def test_a_body_takes_no_room_before_it_comes_again():
    known = Known(most_bytes=MUCH)
    for number in range(100):
        fingerprints.digest(ACME, request(seed=number), plan(), end_user="", known=known)
    assert known.size == 0
    assert fingerprints.digest(ACME, request(seed=7), plan(), end_user="", known=known) == digest(request(seed=7))
    assert known.size == len(request(seed=7).content)
    fingerprints.digest(GLOBEX, request(seed=8), plan(), end_user="", known=known)  # another one's, which has not come
    assert known.size == len(request(seed=7).content)


def test_what_is_remembered_is_bounded():
    known = Known(most_bytes=10_000)
    for number in range(1000):
        for _ in range(2):
            fingerprints.digest(ACME, request(seed=number), plan(), end_user="", known=known)
            assert known.size <= 10_000
    assert known.size > 0
    long = request(messages=[{"role": "user", "content": "x" * fingerprints.LARGEST_REMEMBERED}])
    before = known.size
    assert fingerprints.digest(ACME, long, plan(), end_user="", known=known) == digest(long)
    assert known.size == before
