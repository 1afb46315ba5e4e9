"""An explanation tells the router's own decision."""

from __future__ import annotations

from gateway.errors import GatewayError
from gateway.pipeline import router
from gateway.routing.conditions import Models, Tags, Tiers
from gateway.routing.explain import explain, told
from gateway.types import Health
from tests.gateway.routing.ground import CLAUDE, key, model, price, request, rule, signals, snapshot, task

CHEAP = model("cheap", cost=price(1, 1), quality=50)
GOOD = model("good", cost=price(2, 10), quality=80, provider=CLAUDE)
BEST = model("best", cost=price(5, 10), quality=95)
ALL = (CHEAP, GOOD, BEST)


def explained(asked=None, known=None, rules=(), **choice):
    base = snapshot(ALL, rules=rules, tasks=(task(*ALL, **choice),), zone="Europe/Vienna")
    asked, known = asked or request(), known or signals()
    decision = refusal = None
    try:
        decision = router.decide(asked, base, key(), known)
    except GatewayError as error:
        refusal = error
    return explain(base, router.facts_of(asked, known), decision, refusal, is_stream=asked.is_stream)


def test_says_why_earlier_rules_do_not_match_and_stops_at_the_one_that_does():
    rules = (
        rule(GOOD, name="paid", conditions=(Tiers(frozenset({"paid"})),)),
        rule(GOOD, BEST, name="free", conditions=(Tiers(frozenset({"free"})),)),
        rule(BEST, name="never asked", conditions=(Tags(frozenset({"x"})),)),
    )
    found = explained(known=signals(tier="free"), rules=rules)
    assert [(item.rule.name, item.because) for item in found.passed_over] == [
        ("paid", "its end user is of tier free, not paid")
    ]
    assert told(found) == "Rule “free” (the tenant's) decides: If tier free → good, then best."
    assert found.local_time.isoformat() == "2027-01-15T09:00:00+01:00"


def test_tells_each_attempt_with_its_cost_and_reason():
    found = explained(strategy="cheapest", quality_floor=60)
    assert [(item.attempt.model.name, item.cost_nanousd, item.why) for item in found.attempts] == [
        ("good", 5_000_000, "the cheapest; quality 80 by the catalog"),
        ("best", 8_000_000, "the next cheapest, if the one before fails; quality 95 by the catalog"),
    ]
    assert [(item.model, item.reason) for item in found.dropped] == [
        ("cheap", "its quality is 50, and 60 is the least")
    ]
    assert told(found) == "No rule matches."


def test_tells_open_breakers_and_what_was_measured():
    health = {"cheap": Health(is_open=True), "best": Health(p95_whole_ms=1234.4)}
    found = explained(strategy="fastest", known=signals(health=health, at=1_800_000_001.0))
    assert [(item.attempt.model.name, item.is_open, item.why) for item in found.attempts] == [
        ("best", False, "95 % within 1,234 ms"),
        ("good", False, "not measured lately"),
        ("cheap", True, "its circuit breaker is open, so it is tried last"),
    ]


def test_tells_a_refusal_with_everything_that_was_left_out():
    found = explained(quality_floor=99)
    assert found.plan is None
    assert found.refusal is not None
    assert found.refusal.code == "quality_too_low"
    assert len(found.dropped) == 3


def test_a_name_that_there_is_not_is_told_with_the_rules_that_did_not_take_it():
    rules = (
        rule(GOOD, name="old names", conditions=(Models.of(["gpt-3*"]),), names_models=True),
        rule(GOOD, name="rest"),
    )
    found = explained(request("typo"), rules=rules)
    assert found.refusal is not None
    assert found.refusal.code == "model_not_found"
    assert [(item.rule.name, item.because) for item in found.passed_over] == [
        ("old names", "it asks for typo, not for gpt-3*"),
        ("rest", "there is no such model or task"),
    ]


def test_warns():
    found = explained(rules=(rule(CHEAP, BEST, name="one house"),))
    assert found.warnings == ["Rule “one house”: all its models are at openai; when it is down, nobody answers."]
