"""What is left out of a plan, why, and what the caller is told when nothing is left."""

from __future__ import annotations

import json

import pytest

from gateway.errors import InvalidRequest, PermissionDenied, Unsupported
from gateway.pipeline import router
from gateway.pipeline.validator import validate
from gateway.types import Endpoint
from tests.gateway.routing.ground import key, model, names, price, request, signals, snapshot, task

CHAT = frozenset({"chat"})
GOOD = model("good", quality=80, cost=price(5, 10))


def plan(*chain, asked=None, allowed=None, known=None, **choice):
    base = snapshot(chain, tasks=(task(*chain, **choice),))
    return router.plan(asked or request(), base, key(allowed), known or signals())


def dropped(made):
    return [(item.model, item.reason) for item in made.dropped]


def test_what_cannot_do_it():
    made = plan(model("small", capabilities=CHAT), GOOD, asked=request(tools=[{}], stream=True))
    assert (names(made), dropped(made)) == (["good"], [("small", "it cannot do streaming and tools")])


def test_what_has_no_price():
    made = plan(model("free?", cost=None), GOOD)
    assert (names(made), dropped(made)) == (["good"], [("free?", "it has no price")])


def test_counting_tokens_needs_no_price():
    body = {"model": "task/sum", "messages": [{"role": "user", "content": "x"}]}
    asked = validate(Endpoint.COUNT_TOKENS, json.dumps(body).encode(), {})
    assert names(plan(model("free?", cost=None), GOOD, asked=asked, max_cost_nanousd=1)) == ["free?", "good"]


def test_what_the_key_may_not_use_also_where_a_task_leads_to_it():
    made = plan(model("other"), GOOD, allowed={"good"})
    assert (names(made), dropped(made)) == (["good"], [("other", "the key may not use it")])


def test_what_is_below_the_floor_or_of_unknown_quality():
    made = plan(model("poor", quality=59), model("unknown"), model("just", quality=60), GOOD, quality_floor=60)
    assert names(made) == ["just", "good"]
    assert dropped(made) == [
        ("poor", "its quality is 59, and 60 is the least"),
        ("unknown", "its quality is not known, and 60 is the least"),
    ]


def test_in_a_cascade_the_floor_holds_for_the_model_behind():
    poor, poorer = model("poor", quality=10), model("poorer", quality=5)
    assert names(plan(poor, GOOD, strategy="cascade", quality_floor=60)) == ["poor", "good"]
    assert names(plan(GOOD, poor, strategy="cascade", quality_floor=60)) == ["good"]
    with pytest.raises(Unsupported):
        plan(poor, poorer, strategy="cascade", quality_floor=60)
    small = model("small", quality=90, capabilities=CHAT)  # is left out, so nothing good stands behind
    with pytest.raises(Unsupported):
        plan(poor, small, strategy="cascade", quality_floor=60, asked=request(tools=[{}]))


def test_what_would_cost_more_than_the_cap():
    # $0.0013 and $0.0080
    made = plan(GOOD, model("cheap", cost=price(1, 1)), max_cost_nanousd=1_300_000)
    assert (names(made), dropped(made)) == (
        ["cheap"],
        [("good", "it would cost about $0.008000, more than the cap of $0.001300")],
    )


def test_what_is_too_small_for_the_input():
    small, just = model("small", context_window=1031), model("just", context_window=1032)
    made = plan(small, just, model("any"))
    assert names(made) == ["just", "any"]
    assert dropped(made) == [("small", "its context window of 1,031 tokens is too small for about 1,032")]


def test_where_all_windows_seem_too_small_the_largest_stays_for_the_count_is_an_estimate():
    made = plan(model("tiny", context_window=10), model("larger", context_window=20))
    assert names(made) == ["larger"]
    assert names(plan(model("tiny", context_window=10))) == ["tiny"]


NONE_LEFT = [
    (
        (model("small", capabilities=CHAT),),
        {"asked": request(tools=[{}])},
        (Unsupported, "model_cannot", "small cannot do tools. Choose another model."),
    ),
    (
        (model("a", cost=None),),
        {},
        (
            Unsupported,
            "model_unpriced",
            "a has no price, so its cost could not be limited. Give it one in the catalog (0 if it is free).",
        ),
    ),
    (
        (model("a"), model("b")),
        {"allowed": {"c"}},
        (PermissionDenied, "model_not_allowed", "This key may not use a, b, which the request would go to."),
    ),
    (
        (model("a", quality=1),),
        {"quality_floor": 2},
        (
            Unsupported,
            "quality_too_low",
            "None of a is known to have a quality of 2 or more. Set the quality of models in the catalog, or lower the floor.",
        ),
    ),
    (
        (GOOD,),
        {"max_cost_nanousd": 7_000_000},
        (
            InvalidRequest,
            "request_too_expensive",
            "The request would cost about $0.008000 or more; its route allows $0.007000. Shorten it.",
        ),
    ),
]


@pytest.mark.parametrize(("chain", "more", "refusal"), NONE_LEFT)
def test_with_nothing_left_the_caller_is_told_the_last_reason(chain, more, refusal):
    error, code, message = refusal
    with pytest.raises(error) as caught:
        plan(*chain, **more)
    assert (caught.value.code, caught.value.message) == (code, message)


def test_a_model_without_a_price_after_one_that_cannot_do_it():
    with pytest.raises(Unsupported) as caught:
        plan(model("small", capabilities=CHAT), model("free?", cost=None), asked=request(tools=[{}]))
    assert caught.value.code == "model_unpriced"
