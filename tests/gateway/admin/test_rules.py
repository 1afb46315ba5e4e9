"""Rules in the admin: what is asked and chosen, what is refused, what is warned of, and where a request would go."""

from __future__ import annotations

import datetime as dt
import html
import json
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from gateway.models import Model, RoutingRule, RoutingTarget, Task
from tests.cast import Cast, at_work, in_console, logged_in
from tests.gateway.admin.test_routing import chain, other_model

pytestmark = pytest.mark.django_db
ADD = "admin:gateway_routingrule_add"
EXPLAIN = "admin:gateway_routingrule_explain"


def post(cast: Cast, *targets: Model, weights: tuple[int, ...] = (), person: str = "olga", **fields: Any):
    """The form's answer, followed to the page after it."""
    rows = [
        {"position": number, "model": str(model.pk), "weight": weights[number - 1] if weights else 1}
        for number, model in enumerate(targets, start=1)
    ]
    form = {"name": "Fresh", "position": 10, "is_active": "on", **fields} | chain("targets", *rows)
    response = at_work(getattr(cast, person)).post(reverse(ADD), form, follow=True)
    return html.unescape(response.content.decode())


def saved() -> RoutingRule:
    return RoutingRule.objects.get(name="Fresh")


def test_every_condition_and_choice_is_kept(cast: Cast):
    post(
        cast,
        cast.model,
        other_model(cast),
        weights=(9, 0),
        tasks=[cast.task.slug],
        tiers="free, paid,free",
        tags="batch",
        metadata="plan = pro, region=eu",
        min_input_tokens=100,
        max_input_tokens=4000,
        needs=["tools"] if "tools" in cast.model.capabilities else [],
        weekdays=["0", "4"],
        from_time="22:00",
        to_time="06:00",
        budget="Month",
        budget_share=80,
        strategy="weighted",
        max_request_usd="0.25",
        first_byte_ms=1500,
        replays_when_down="on",
        escapes_refusals="on",
    )
    rule = saved()
    assert (rule.tasks, rule.tiers, rule.tags) == ([cast.task.slug], ["free", "paid"], ["batch"])
    assert (rule.metadata, rule.weekdays) == ({"plan": "pro", "region": "eu"}, [0, 4])
    assert (rule.from_time, rule.to_time) == (dt.time(22), dt.time(6))
    assert [target.weight for target in rule.targets.order_by("position")] == [9, 0]
    choice = rule.choice()
    assert (choice.strategy, choice.max_cost_nanousd, choice.first_byte_seconds) == ("weighted", 250_000_000, 1.5)
    assert (choice.may_replay, choice.escapes_refusals, choice.cascade_threshold) == (True, True, None)
    content = html.unescape(logged_in(cast.olga).get(reverse("admin:gateway_routingrule_changelist")).content.decode())
    assert (
        f"If task/{cast.task.slug} and tier free or paid and tag batch and metadata plan = pro and metadata region = eu and 100 to 4,000 "
        f"tokens and 80 % of the budget “Month” used and Mon, Fri 22:00–06:00 → 100 % {cast.model.name}, 0 % {other_model(cast).name} "
        "(at most $0.2500)"
    ) in content


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"min_input_tokens": 5, "max_input_tokens": 4}, "no request has so many tokens and so few"),
        ({"from_time": "08:00"}, "Give both times, or neither"),
        ({"from_time": "08:00", "to_time": "08:00"}, "these hours are empty"),
        ({"budget": "Month"}, "From which share of the budget on?"),
        ({"metadata": "plan"}, "“plan” is no pair"),
        ({"requested_models": "task/sum"}, "here are names of models"),
        ({"needs": ["tools"]}, "cannot do tools, which the rule asks for"),
        ({"strategy": "cascade"}, "A cascade needs two models"),
        ({"strategy": "weighted", "weights": (0,)}, "All weights are 0"),
        ({"quality_floor": 50}, "No quality of 50 or more is known of"),
        ({"quality_floor": 101}, "less than or equal to 100"),
    ],
)
def test_what_could_not_work_is_refused(cast: Cast, fields: dict[str, Any], says: str):
    assert says in post(cast, cast.model, **fields)
    assert not RoutingRule.objects.filter(name="Fresh").exists()


def test_a_cascade_that_begins_with_the_dearer_model_is_refused(cast: Cast):
    content = post(cast, other_model(cast), cast.model, strategy="cascade")
    assert f"{other_model(cast).name} costs more than {cast.model.name}" in content
    post(cast, cast.model, other_model(cast), strategy="cascade", cascade_threshold="0.65")
    assert saved().choice().cascade_threshold == 0.65


def test_the_very_same_conditions_are_refused_but_for_a_rule_that_is_switched_off(cast: Cast):
    same = {"tasks": [cast.task.slug]}
    assert f"“{cast.rule.name}” has the same conditions" in post(cast, cast.model, **same)
    post(cast, cast.model, **same, is_active="")
    assert not saved().is_active


def test_a_task_or_budget_of_another_tenant_is_not_there(cast: Cast):
    of_acme = {"tenant": str(cast.acme.tenant.pk)}
    # An operator sees every task; the rule's owner does not.
    content = post(cast, cast.acme.model, tasks=[cast.globex.task.slug], **of_acme)
    assert "for the owner of this rule" in content
    content = post(cast, cast.acme.model, budget=cast.globex.budget.name, budget_share=50, **of_acme)
    assert f"There is no budget “{cast.globex.budget.name}”." in content
    assert not RoutingRule.objects.filter(name="Fresh").exists()
    post(cast, cast.acme.model, budget=cast.acme.budget.name, budget_share=50, **of_acme)
    assert saved().budget == cast.acme.budget.name


def test_what_is_odd_is_said_after_saving(cast: Cast):
    content = post(cast, cast.model, other_model(cast), position=1)
    assert f"Rule “Fresh”: all its models are at {cast.provider.name}; when it is down, nobody answers." in content
    assert saved()
    content = post(cast, cast.model, name="Narrow", position=50, tags="x")
    assert "Rule “Narrow” never matches: “Fresh”, which is asked before it, takes all of its requests." in content


def test_a_rule_without_targets_is_said_to_match_nothing(cast: Cast):
    assert "Rule “Fresh” never matches: it has no target in use." in post(cast, tags="x")


def task_form(cast: Cast, **fields: Any) -> dict[str, Any]:
    return (
        {
            "slug": "fresh",
            "name": "Fresh",
            "urgency": "background",
            "default_model": str(cast.model.pk),
            "is_active": "on",
            **fields,
        }
        | chain("fallbacks", {"position": 1, "model": str(other_model(cast).pk)})
        | chain("context_policy")
    )


def test_a_task_has_a_strategy_of_its_own(cast: Cast):
    form = task_form(cast, strategy="cheapest", likely_output_tokens=50, max_request_usd="0.5")
    content = html.unescape(
        logged_in(cast.olga).post(reverse("admin:gateway_task_add"), form, follow=True).content.decode()
    )
    task = Task.objects.get(slug="fresh")
    assert (task.likely_output_tokens, task.max_request_usd) == (50, Decimal("0.5"))
    assert task.choice().first_byte_seconds == 15.0
    assert "task/fresh: all its models are at" in content
    listed = logged_in(cast.olga).get(reverse("admin:gateway_task_changelist"), {"q": "fresh"}).content.decode()
    assert f"cheapest of {cast.model.name}, {other_model(cast).name} (at most $0.5000)" in html.unescape(listed)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"strategy": "weighted"}, "Only a rule's targets have weights"),
        ({"strategy": "cheapest", "quality_floor": 10}, "No quality of 10 or more is known"),
        ({"likely_output_tokens": 0}, "greater than or equal to 1"),
    ],
)
def test_a_task_that_could_not_choose_is_refused(cast: Cast, fields: dict[str, Any], says: str):
    response = logged_in(cast.olga).post(reverse("admin:gateway_task_add"), task_form(cast, **fields))
    assert says in html.unescape(response.content.decode())
    assert not Task.objects.filter(slug="fresh").exists()


def test_the_time_to_the_first_byte_follows_the_urgency_unless_it_is_set(cast: Cast):
    assert Task(urgency="real-time").choice().first_byte_seconds == 5.0
    assert Task(urgency="background").choice().first_byte_seconds == 15.0
    assert Task(urgency="background", first_byte_ms=250).choice().first_byte_seconds == 0.25


def test_a_renamed_task_tells_which_rules_still_ask_for_its_former_name(cast: Cast):
    task = cast.acme.task
    form = {"slug": "renamed", "name": "x", "urgency": "background", "default_model": str(task.default_model_id)}
    address = reverse("admin:gateway_task_change", args=[task.pk])
    response = logged_in(cast.olga).post(address, form | chain("fallbacks") | chain("context_policy"), follow=True)
    content = html.unescape(response.content.decode())
    assert f"Rule “{cast.acme.rule.name}” asks for task/{task.slug}, which is called otherwise now." in content


class TestExplaining:
    def explain(self, cast: Cast, person: str = "ada", **fields: Any) -> str:
        tenant = fields.pop("tenant", cast.acme.tenant)
        response = at_work(getattr(cast, person)).post(reverse(EXPLAIN), {"tenant": str(tenant.pk), **fields})
        assert response.status_code == 200
        return html.unescape(response.content.decode())

    def test_the_list_leads_to_it(self, cast: Cast):
        vera = in_console(cast.vera, cast.acme.tenant)
        listed = vera.get(reverse("admin:gateway_routingrule_changelist")).content.decode()
        assert vera.at(reverse(EXPLAIN)) in listed
        assert vera.get(reverse(EXPLAIN)).status_code == 200

    def test_tells_the_rule_the_order_and_what_was_left_out(self, cast: Cast):
        rule = RoutingRule.objects.create(
            tenant=cast.acme.tenant, name="Nights", tasks=[cast.task.slug], from_time=dt.time(22), to_time=dt.time(6)
        )
        RoutingTarget.objects.create(rule=rule, model=cast.model, position=1)
        asked = {"asked": f"task/{cast.task.slug}", "input_tokens": 1000}
        night = self.explain(cast, at="2026-11-27T23:15", **asked)
        assert "Rule “Nights” (the tenant's) decides" in night
        assert "about 1,000 input and 300 output tokens, no end user, Fri 2026-11-27 23:15 (Europe/Vienna)" in night
        # gpt-4o-mini: 1,000 × $0.15 + 300 × $0.60 a million
        assert "about $0.0003300" in night
        day = self.explain(cast, at="2026-11-27T12:00", **asked)
        assert f"Rule “{cast.rule.name}” (the operator's) decides" in day
        assert "it comes on Fri at 12:00 (Europe/Vienna), not 22:00–06:00" in day
        refused = self.explain(cast, needs=["tools"], at="2026-11-27T12:00", **asked)
        assert f"{cast.model.name}, {other_model(cast).name} cannot do tools." in refused

    def test_takes_a_whole_body(self, cast: Cast):
        messages = [{"role": "user", "content": "word " * 900}]
        body = json.dumps({"model": cast.model.name, "messages": messages})
        content = self.explain(cast, content=body)
        assert "No rule matches." in content
        assert f"<b>{cast.model.name}</b>" in content

    def test_says_what_is_wrong_with_what_was_asked(self, cast: Cast):
        assert "There is no model “nothing”" in self.explain(cast, asked="nothing")
        assert "Object missing required field" in self.explain(cast, content='{"messages": [{}], "model": "x"}')
        assert "It would be refused" in self.explain(cast, asked="task/nothing")

    def test_a_member_explains_for_no_other_tenant(self, cast: Cast):
        secret = RoutingRule.objects.create(tenant=cast.acme.tenant, name="Acme's secret rule")
        RoutingTarget.objects.create(rule=secret, model=cast.acme.model)
        asked = {"asked": cast.acme.model.name}
        assert "Acme's secret rule" in self.explain(cast, **asked)
        theirs = self.explain(cast, "charlie", **asked)  # the tenant that is named is not asked for in a console
        for text in ("Acme's secret rule", cast.acme.task.slug, cast.acme.tenant.name):
            assert text not in theirs
        own = self.explain(cast, "charlie", tenant=cast.globex.tenant, **asked)
        assert f"There is no model “{cast.acme.model.name}”" in own
        assert "Acme's secret rule" not in own
        assert "Acme's secret rule" not in at_work(cast.charlie).get(reverse(EXPLAIN)).content.decode()

    def test_it_changes_nothing(self, cast: Cast):
        before = list(RoutingRule.objects.values())
        cast.acme.tenant.refresh_from_db()
        version = cast.acme.tenant.config_version
        self.explain(cast, asked=cast.model.name)
        cast.acme.tenant.refresh_from_db()
        assert (list(RoutingRule.objects.values()), cast.acme.tenant.config_version) == (before, version)
