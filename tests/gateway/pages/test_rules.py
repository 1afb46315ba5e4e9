"""Routing rules in the console: read in their order, put into another one, switched, written, and tried."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.urls import reverse

from gateway.models import Model, RoutingRule, RoutingTarget
from tests.cast import Cast, ConsoleClient, in_console
from tests.pages import text_of

pytestmark = pytest.mark.django_db
LIST = "gateway/routingrule/"


def rule(cast: Cast, name: str, position: int = 200, **fields: Any) -> RoutingRule:
    made = RoutingRule.objects.create(tenant=cast.acme.tenant, name=name, position=position, **fields)
    RoutingTarget.objects.create(rule=made, model=cast.acme.model)
    return made


def names(cast: Cast) -> list[str]:
    rows = RoutingRule.objects.filter(tenant=cast.acme.tenant).order_by("position")
    return list(rows.values_list("name", flat=True))


def ids(*rules: RoutingRule) -> str:
    return ",".join(str(item.pk) for item in rules)


def form(*models: Model, weights: tuple[Any, ...] = (), **fields: Any) -> dict[str, Any]:
    chain = {"chain_model": [str(model.pk) for model in models], "chain_weight": [*weights] or ["1"] * len(models)}
    return {"name": "Fresh", "strategy": "fixed", **chain, **fields}


def saved() -> RoutingRule:
    return RoutingRule.objects.get(name="Fresh")


class TestTheList:
    def test_reads_each_rule_as_a_sentence_its_own_first(self, cast: Cast, ada: ConsoleClient):
        rule(cast, "For free users", tiers=["free"], tags=["batch"])
        text = text_of(ada.get(ada.home + LIST))
        assert "If <b>tier free</b> and <b>tag batch</b>" in text
        assert f"<b>{cast.acme.model.name}</b>" in text
        order = [text.index(name) for name in ("Acme's rule", "For free users", cast.rule.name)]
        assert order == sorted(order)
        assert "Globex's rule" not in text

    def test_tells_what_is_odd_beside_the_rule(self, cast: Cast, ada: ConsoleClient):
        rule(cast, "First", position=1)
        text = text_of(ada.get(ada.home + LIST))
        assert "never matches: “First”, which is asked before it, takes all of its requests." in text
        # What is odd about the operator's rules is the operator's to know.
        assert "when it is down, nobody answers" in text
        assert cast.provider.name not in text.split("The operator's rules")[1].split("Try a request")[0]

    def test_without_a_rule_says_what_one_is_for(self, cast: Cast, ada: ConsoleClient):
        RoutingRule.objects.filter(tenant=cast.acme.tenant).delete()
        assert "No rule of yours yet" in text_of(ada.get(ada.home + LIST))


class TestOrder:
    def test_is_saved_whole(self, cast: Cast, ada: ConsoleClient):
        first, second, third = cast.acme.rule, rule(cast, "Second", tags=["a"]), rule(cast, "Third", 300, tags=["b"])
        said = {"seen": ids(first, second, third), "wanted": ids(third, first, second)}
        response = ada.post(f"{ada.home}{LIST}order/", said)
        assert response.status_code == 200
        assert names(cast) == ["Third", "Acme's rule", "Second"]
        assert f'data-seen="{said["wanted"]}"' in response.content.decode()

    def test_of_a_list_that_is_another_by_now_is_refused_and_nothing_moves(self, cast: Cast, ada: ConsoleClient):
        first, second = cast.acme.rule, rule(cast, "Second", tags=["a"])
        seen = ids(first, second)
        third = rule(cast, "Third", 300, tags=["b"])
        before = list(RoutingRule.objects.order_by("pk").values())
        for stale, wanted in (
            (seen, ids(second, first)),  # one has been added
            (ids(second, first, third), ids(third, second, first)),  # another order
            (ids(first, second, third), ids(first, second)),  # one would be lost
            (ids(first, second, third), ids(first, first, second)),
            (ids(first, second, third), ids(first, second, cast.globex.rule)),
        ):
            response = ada.post(f"{ada.home}{LIST}order/", {"seen": stale, "wanted": wanted})
            assert response.status_code == 409
            assert "Somebody has changed the rules meanwhile" in text_of(response)
            assert "Third" in text_of(response)
        assert ada.post(f"{ada.home}{LIST}order/", {"seen": "x", "wanted": "y"}).status_code == 400
        assert list(RoutingRule.objects.order_by("pk").values()) == before

    def test_rules_of_the_operator_and_of_others_cannot_be_moved(self, cast: Cast, ada: ConsoleClient):
        for foreign in (cast.rule, cast.globex.rule):
            both = ids(cast.acme.rule, foreign)
            response = ada.post(f"{ada.home}{LIST}order/", {"seen": both, "wanted": ids(foreign, cast.acme.rule)})
            assert response.status_code == 409
            foreign.refresh_from_db()
            assert foreign.position == 100


class TestSwitching:
    def test_off_and_on(self, cast: Cast, ada: ConsoleClient):
        address = f"{ada.home}{LIST}{cast.acme.rule.pk}/switch/"
        assert "is switched off" in text_of(ada.post(address, {"to": "off"}))
        assert not RoutingRule.objects.get(pk=cast.acme.rule.pk).is_active
        assert "decides again" in text_of(ada.post(address, {"to": "on"}))
        assert RoutingRule.objects.get(pk=cast.acme.rule.pk).is_active

    def test_on_is_refused_where_another_asks_the_same(self, cast: Cast, ada: ConsoleClient):
        twin = rule(cast, "Twin", tasks=cast.acme.rule.tasks, is_active=False)
        response = ada.post(f"{ada.home}{LIST}{twin.pk}/switch/", {"to": "on"})
        assert "“Acme's rule” has the same conditions" in text_of(response)
        twin.refresh_from_db()
        assert not twin.is_active


class TestWriting:
    def test_every_condition_and_choice_is_kept_and_a_new_rule_comes_last(self, cast: Cast, ada: ConsoleClient):
        fields = {
            "tasks": [cast.acme.task.slug], "tiers": "free, paid,free", "tags": "batch", "metadata": "plan = pro",
            "min_input_tokens": "100", "max_input_tokens": "4000", "weekdays": ["0", "4"], "from_time": "22:00",
            "to_time": "06:00", "budget": cast.acme.budget.name, "budget_share": "80", "strategy": "weighted",
            "max_request_usd": "0.25", "first_byte_ms": "1500", "replays_when_down": "on", "escapes_refusals": "on",
        }  # fmt: skip
        response = ada.post(f"{ada.home}{LIST}add/", form(cast.acme.model, cast.model, weights=("9", "0"), **fields))
        assert response.status_code == 302, text_of(response)
        made = saved()
        assert (made.tenant, made.position, made.tiers, made.weekdays) == (
            cast.acme.tenant,
            110,
            ["free", "paid"],
            [0, 4],
        )
        assert (made.metadata, made.budget, made.budget_share) == ({"plan": "pro"}, cast.acme.budget.name, 80)
        chain = [(item.position, item.model, item.weight) for item in made.targets.order_by("position")]
        assert chain == [(1, cast.acme.model, 9), (2, cast.model, 0)]
        choice = made.choice()
        assert (choice.strategy, choice.max_cost_nanousd, choice.first_byte_seconds) == ("weighted", 250_000_000, 1.5)
        assert (choice.may_replay, choice.escapes_refusals) == (True, True)

    def test_a_chain_is_put_in_another_order(self, cast: Cast, ada: ConsoleClient):
        made = rule(cast, "Fresh", tags=["a"])
        (kept,) = made.targets.all()
        address = f"{ada.home}{LIST}{made.pk}/change/"
        assert ada.post(address, form(cast.model, cast.acme.model, tags="a")).status_code == 302
        assert [item.model for item in made.targets.order_by("position")] == [cast.model, cast.acme.model]
        assert made.targets.get(model=cast.acme.model).pk == kept.pk
        assert ada.post(address, form(cast.model, tags="a")).status_code == 302
        assert [item.model for item in made.targets.all()] == [cast.model]

    def test_what_could_not_work_is_refused_beside_its_field(self, cast: Cast, ada: ConsoleClient):
        refused: list[tuple[dict[str, Any], str, str]] = [
            ({"min_input_tokens": "5", "max_input_tokens": "4"}, "max_input_tokens", "no request has so many tokens"),
            ({"from_time": "08:00"}, "to_time", "Give both times, or neither"),
            ({"metadata": "plan"}, "metadata", "“plan” is no pair"),
            ({"requested_models": "task/sum"}, "requested_models", "here are names of models"),
            ({"needs": ["tools"]}, "chain", "cannot do tools, which the rule asks for"),
            ({"strategy": "cascade"}, "chain", "A cascade needs two models"),
            ({"strategy": "weighted", "chain_weight": ["0"]}, "chain", "All weights are 0"),
            ({"chain_weight": ["-1"]}, "chain", "Weights are whole numbers"),
            ({"chain_model": []}, "chain", "Choose at least one model"),
            ({"quality_floor": "50"}, "chain", "No quality of 50 or more is known of"),
            ({"quality_floor": "101"}, "quality_floor", "less than or equal to 100"),
            ({"name": ""}, "name", "This field is required"),
        ]
        for fields, place, says in refused:
            response = ada.post(f"{ada.home}{LIST}add/", {**form(cast.acme.model), **fields})
            assert response.status_code == 200
            assert says in str(response.context_data["form"].errors[place]), fields
            assert says in text_of(response)
        assert RoutingRule.objects.filter(tenant=cast.acme.tenant).count() == 1

    def test_the_very_same_conditions_are_refused(self, cast: Cast, ada: ConsoleClient):
        response = ada.post(f"{ada.home}{LIST}add/", form(cast.acme.model, tasks=[cast.acme.task.slug]))
        assert "“Acme's rule” has the same conditions" in text_of(response)

    def test_nothing_of_another_tenant_can_be_chosen(self, cast: Cast, ada: ConsoleClient):
        page = ada.get(f"{ada.home}{LIST}add/").content.decode()
        assert not [text for text in (cast.globex.tenant.slug, "Globex") if text in page]
        for wrong in (
            form(cast.globex.model),
            form(cast.acme.model, tasks=[cast.globex.task.slug]),
            form(cast.acme.model, budget=cast.globex.budget.name, budget_share="50"),
        ):
            response = ada.post(f"{ada.home}{LIST}add/", wrong)
            assert response.status_code == 200
            assert "is not one of the available choices" in text_of(response) or "not there any more" in text_of(
                response
            )
        assert not RoutingRule.objects.filter(name="Fresh").exists()

    def test_what_is_odd_is_said_after_saving(self, cast: Cast, ada: ConsoleClient):
        response = ada.post(f"{ada.home}{LIST}add/", form(cast.acme.model, tags="x"), follow=True)
        assert "“Fresh” is in force from the next request on." in text_of(response)
        assert "when it is down, nobody answers" in text_of(response)


class TestRights:
    @pytest.mark.parametrize("person", ["bob", "vera"])
    def test_who_may_only_look_is_shown_all_and_can_write_nothing(self, cast: Cast, person: str):
        client = in_console(getattr(cast, person), cast.acme.tenant)
        second = rule(cast, "Second", tags=["a"])
        listed = text_of(client.get(client.home + LIST))
        assert "Acme's rule" in listed
        assert not [mark for mark in ("data-order-handle", "/switch/", "/add/") if mark in listed]
        page = client.get(f"{client.home}{LIST}{cast.acme.rule.pk}/change/").content.decode()
        assert "disabled" in page
        assert "An owner or admin of this tenant can change this rule." in page
        before = list(RoutingRule.objects.order_by("pk").values())
        for path, said in (
            ("add/", form(cast.acme.model)),
            (f"{second.pk}/change/", form(cast.acme.model)),
            (f"{second.pk}/switch/", {"to": "off"}),
            ("order/", {"seen": ids(cast.acme.rule, second), "wanted": ids(second, cast.acme.rule)}),
        ):
            assert client.post(f"{client.home}{LIST}{path}", said).status_code == 403, path
        assert list(RoutingRule.objects.order_by("pk").values()) == before

    def test_the_operators_rule_is_shown_and_kept(self, cast: Cast, ada: ConsoleClient):
        address = f"{ada.home}{LIST}{cast.rule.pk}/"
        assert "This rule is the operator's" in text_of(ada.get(f"{address}change/"))
        assert ada.post(f"{address}change/", form(cast.acme.model)).status_code == 403
        assert ada.post(f"{address}switch/", {"to": "off"}).status_code == 403
        cast.rule.refresh_from_db()
        assert cast.rule.is_active

    def test_another_tenants_rule_does_not_exist(self, cast: Cast, ada: ConsoleClient):
        address = f"{ada.home}{LIST}{cast.globex.rule.pk}/"
        assert ada.get(f"{address}change/").status_code == 404
        assert ada.post(f"{address}change/", form(cast.acme.model)).status_code == 404
        assert ada.post(f"{address}switch/", {"to": "off"}).status_code == 404


class TestTheBox:
    def ask(self, client: ConsoleClient, **fields: Any) -> str:
        response = client.post(f"{client.home}{LIST}explain/", fields, headers={"HX-Request": "true"})
        assert response.status_code == 200
        return text_of(response)

    def test_everybody_may_ask_and_gets_the_part_alone(self, cast: Cast):
        vera = in_console(cast.vera, cast.acme.tenant)
        answer = self.ask(vera, asked=f"task/{cast.acme.task.slug}", content="word " * 800)
        assert "<html" not in answer
        assert "Rule “Acme's rule” (the tenant's) decides" in answer
        assert f"<b>{cast.acme.model.name}</b>" in answer
        assert "about 1,00" in answer
        whole = vera.post(f"{vera.home}{LIST}explain/", {"asked": cast.acme.model.name})
        assert "<html" in text_of(whole)

    def test_tells_what_is_wrong_beside_the_field(self, cast: Cast, ada: ConsoleClient):
        answer = self.ask(ada, asked=cast.acme.model.name, metadata="plan", input_tokens="-1")
        assert "“plan” is no pair" in answer.split('id="id_metadata_error"')[1][:200]
        assert "greater than or equal to 0" in answer.split('id="id_input_tokens_error"')[1][:200]
        assert "This could not be asked" in answer

    def test_takes_a_whole_body(self, cast: Cast, ada: ConsoleClient):
        body = {"model": cast.acme.model.name, "messages": [{"role": "user", "content": "x"}], "user": "nobody"}
        assert "tier free" in self.ask(ada, content=json.dumps(body))

    def test_counts_budgets_as_if_they_stood_at_a_share(self, cast: Cast, ada: ConsoleClient):
        budget = cast.acme.budget
        cheaper = Model.objects.get(tenant=None, upstream_id="gpt-4o", provider=cast.provider)
        budget.cheaper_at, budget.cheaper_model = 80, cheaper.name
        budget.save()
        rule(cast, "Frugal", 1, budget=budget.name, budget_share=50, requested_models=[cast.model.name]).targets.update(
            model=cast.model
        )
        asked = {"asked": cast.model.name}
        assert "No rule matches" in self.ask(ada, **asked, budget_share="49")
        assert "Rule “Frugal”" in self.ask(ada, **asked, budget_share="50")
        cheap = self.ask(ada, **asked, budget_share="80")
        assert f"The budget “{budget.name}” runs low, so a cheaper model is taken." in cheap
        assert f"<b>{cheaper.name}</b>" in cheap
        assert "It would be refused" not in cheap
        assert "It would be refused" in self.ask(ada, **asked, budget_share="100")

    def test_counts_budgets_as_they_stand(self, cast: Cast, ada: ConsoleClient):
        assert "It would be refused" not in self.ask(ada, asked=cast.model.name)
        cast.acme.budget.amount = 0
        cast.acme.budget.save()
        assert "It would be refused" in self.ask(ada, asked=cast.model.name)

    def test_with_a_key_counts_what_that_one_may_use(self, cast: Cast, ada: ConsoleClient):
        key = cast.acme.key.api_key
        key.allowed_models = [cast.acme.model.name]
        key.save()
        assert "It would be refused" in self.ask(ada, asked=cast.model.name, key=str(key.pk))
        assert "It would be refused" not in self.ask(ada, asked=cast.model.name)
        theirs = self.ask(ada, asked=cast.acme.model.name, key=str(cast.globex.key.api_key.pk))
        assert "is not one of the available choices" in theirs

    def test_changes_nothing(self, cast: Cast, ada: ConsoleClient):
        before = list(RoutingRule.objects.order_by("pk").values())
        cast.acme.tenant.refresh_from_db()
        version = cast.acme.tenant.config_version
        self.ask(ada, asked=cast.acme.model.name)
        cast.acme.tenant.refresh_from_db()
        assert (list(RoutingRule.objects.order_by("pk").values()), cast.acme.tenant.config_version) == (before, version)


def test_addresses_of_the_operators_pages_lead_to_these(cast: Cast, ada: ConsoleClient):
    response = ada.get(reverse("admin:gateway_routingrule_change", args=[cast.acme.rule.pk]))
    assert "If a request …" in text_of(response)
