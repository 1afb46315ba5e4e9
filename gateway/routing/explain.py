"""Why a request goes where it goes: the router's decision, told. Decides nothing, so it tells what would happen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple

from gateway.errors import GatewayError, NotFound
from gateway.routing import conditions, oddities, quality, sentences
from gateway.routing.decision import Decision
from gateway.types import Attempt, Dropped, Facts, Plan, Rule, Signals, Snapshot
from gateway.wording import gettext as _


class PassedOver(NamedTuple):
    """A rule that was asked before and does not match. `because` is the first condition that fails."""

    rule: Rule
    because: str


class Explained(NamedTuple):
    """An attempt, with what it will probably cost (None: it has no price), and how its model has been doing."""

    attempt: Attempt
    cost_nanousd: int | None
    is_open: bool
    p95_ms: float | None
    why: str


class Explanation(NamedTuple):
    """All of it. `decision` None: the model or task is not there, or not this key's; `refusal` says so."""

    facts: Facts
    decision: Decision | None
    refusal: GatewayError | None
    passed_over: list[PassedOver]
    attempts: list[Explained]
    dropped: tuple[Dropped, ...]
    output_tokens: int
    local_time: dt.datetime
    warnings: list[str]

    @property
    def rule(self) -> Rule | None:
        return self.decision.rule if self.decision else None

    @property
    def plan(self) -> Plan | None:
        return self.decision.plan if self.decision else None


def explain(
    snapshot: Snapshot, facts: Facts, decision: Decision | None, refusal: GatewayError | None, *, is_stream: bool
) -> Explanation:
    """`decision`, or the `refusal` that came instead of one, in full."""
    signals = facts.signals
    matched = decision.rule if decision else None
    were_rules_asked = decision is not None or isinstance(refusal, NotFound)
    passed = list(_passed_over(snapshot.rules, matched, facts)) if were_rules_asked else []
    return Explanation(
        facts=facts,
        decision=decision,
        refusal=refusal or (decision.refusal if decision else None),
        passed_over=passed,
        attempts=[] if decision is None else _attempts(decision, signals, is_stream),
        dropped=decision.dropped if decision else (),
        output_tokens=decision.case.output_tokens if decision else 0,
        local_time=dt.datetime.fromtimestamp(signals.at, snapshot.clock.zone),
        warnings=[item.text for item in oddities.of(snapshot) if not item.task or item.task == facts.task],
    )


def _passed_over(rules: Iterable[Rule], matched: Rule | None, facts: Facts) -> Iterable[PassedOver]:
    for rule in rules:
        if rule is matched:
            return
        failing = conditions.failing(rule.conditions, facts)
        # A rule that names no models does not take a name that nothing has.
        why = _("there is no such model or task") if failing is None else failing.why_not(facts)
        yield PassedOver(rule, why)


def _attempts(decision: Decision, signals: Signals, is_stream: bool) -> list[Explained]:
    found = []
    attempts = decision.plan.attempts if decision.plan else ()
    for place, attempt in enumerate(attempts):
        health = signals.health(attempt.model)
        cost = None if attempt.model.price is None else decision.case.cost_nanousd(attempt.model)
        p95 = health.p95_first_byte_ms if is_stream else health.p95_whole_ms
        if health.is_open and len(attempts) > 1:
            why = _("its circuit breaker is open, so it is tried last")
        elif signals.cheaper is not None or len(attempts) == 1:
            why = _reason(decision, signals)
        else:
            why = _by_strategy(decision, place, p95, is_stream) or _reason(decision, signals)
        floor = decision.choice.quality_floor
        if floor is not None:
            words = {"reason": why, "quality": quality.which(attempt.model, floor, decision.measured)}
            why = _("%(reason)s; %(quality)s") % words
        found.append(Explained(attempt, cost, health.is_open, p95, why))
    return found


def _reason(decision: Decision, signals: Signals) -> str:
    """An attempt's own, in the reader's language."""
    if signals.cheaper is not None:
        return _("budget %(name)s") % {"name": signals.cheaper.budget}
    if decision.rule is not None:
        return _("rule %(name)s") % {"name": decision.rule.name}
    return _("task %(name)s") % {"name": decision.facts.task} if decision.facts.task else _("asked for")


def _by_strategy(decision: Decision, place: int, p95: float | None, is_stream: bool) -> str:
    plan = decision.plan
    assert plan is not None
    is_first = place == 0
    match plan.strategy:
        case "cheapest":
            return _("the cheapest") if is_first else _("the next cheapest, if the one before fails")
        case "fastest" if p95 is None:
            return _("not measured lately, so tried out") if is_first else _("not measured lately")
        case "fastest":
            text = _("95 %% within %(ms)s ms to the first byte") if is_stream else _("95 %% within %(ms)s ms")
            return text % {"ms": f"{p95:,.0f}"}
        case "weighted":
            return _("this conversation keeps to it") if is_first else _("if the one before fails")
        case "cascade" if plan.cascade is not None and is_first:
            text = _("its answer is given if it is good with a probability of %(threshold)s")
            return text % {"threshold": f"{plan.cascade.threshold:g}"}
        case "cascade" if plan.cascade is not None:
            return _("if the answer before is not good enough, or fails")
    return "" if is_first else _("if the one before fails")


def told(explanation: Explanation) -> str:
    """Which rule decides, in one sentence."""
    rule = explanation.rule
    if rule is None:
        return _("No rule matches.")
    names = [model.name for model in rule.targets]
    words = {"name": rule.name, "rule": sentences.rule(rule.conditions, rule.choice, names, rule.weights)}
    if rule.is_own:
        return _("Rule “%(name)s” (the tenant's) decides: %(rule)s.") % words
    return _("Rule “%(name)s” (the operator's) decides: %(rule)s.") % words
