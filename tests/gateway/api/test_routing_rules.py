"""Rules over real sockets: in force on the next request after they are saved, with what callers send."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from gateway.models import RoutingRule, RoutingTarget, Task, TaskFallback
from tenants.models import EndUser
from tests.gateway.budgets import budget, error


@pytest.fixture
def models(world):
    return {
        "small": world.model("small", "openai", quality=50, input_usd_per_mtok=1, output_usd_per_mtok=1),
        "large": world.model("large", "anthropic", quality=90, input_usd_per_mtok=5, output_usd_per_mtok=20),
    }


def add_rule(world, targets, **fields: Any) -> RoutingRule:
    """A rule of the tenant's; `targets` are models, with a weight each where they matter."""
    row = RoutingRule(tenant=world.tenant, name=fields.pop("name", "rule"), **fields)
    row.full_clean()
    row.save()
    pairs = targets.items() if isinstance(targets, dict) else ((target, 1) for target in targets)
    for position, (model, weight) in enumerate(pairs, start=1):
        RoutingTarget.objects.create(rule=row, position=position, model=model, weight=weight)
    return row


def served(reply) -> str:
    assert reply.status == 200, reply.body
    return reply.headers["x-tollgate-model"]


def test_a_rule_is_in_force_on_the_request_after_it_is_saved_changed_and_deleted(world, models):
    assert served(world.chat("gpt-4o")) == "gpt-4o"
    row = add_rule(world, [models["small"]], requested_models=["gpt-4*"])
    assert served(world.chat("gpt-4o")) == "small"
    row.requested_models = ["gpt-5*"]
    row.save()
    assert served(world.chat("gpt-4o")) == "gpt-4o"
    row.requested_models = []
    row.save()
    assert served(world.chat("gpt-4o")) == "small"
    row.is_active = False
    row.save()
    assert served(world.chat("gpt-4o")) == "gpt-4o"
    row.is_active = True
    row.save()
    assert served(world.chat("gpt-4o")) == "small"
    row.delete()
    assert served(world.chat("gpt-4o")) == "gpt-4o"


def test_a_rule_for_every_request_leaves_embeddings_alone_unless_it_leads_to_a_model_that_makes_them(world):
    chat_only = world.model("chat-only", "openai", capabilities=["chat", "streaming"])
    add_rule(world, [chat_only], name="everything")
    embedding = {"model": "text-embedding-3-small", "input": "x"}
    assert served(world.chat("gpt-4o")) == "chat-only"
    assert served(world.post("/v1/embeddings", embedding)) == "text-embedding-3-small"
    other = world.model("other-vectors", "openai", upstream_id="text-embedding-3-small", capabilities=["embeddings"])
    add_rule(world, [other], name="vectors", position=1)
    assert served(world.post("/v1/embeddings", embedding)) == "other-vectors"
    assert served(world.chat("gpt-4o")) == "chat-only"


def test_a_changed_weight_and_a_changed_quality_count_at_once(world, models):
    row = add_rule(world, {models["small"]: 1, models["large"]: 0}, strategy="weighted")
    assert {served(world.chat("gpt-4o", f"hello {n}")) for n in range(5)} == {"small"}
    row.targets.filter(model=models["small"]).first().delete()
    assert served(world.chat("gpt-4o")) == "large"
    row.strategy, row.quality_floor = "cheapest", 95
    row.save()
    assert error(world.chat("gpt-4o")) == (400, "quality_too_low")
    models["large"].quality = 95
    models["large"].save()
    assert served(world.chat("gpt-4o")) == "large"


def test_tags_metadata_needs_and_size_of_the_request(world, models):
    small = [models["small"]]
    add_rule(world, small, name="tag", position=1, tags=["batch"])
    add_rule(world, small, name="plan", position=2, metadata={"plan": "pro"})
    add_rule(world, small, name="tools", position=3, needs=["tools"])
    add_rule(world, small, name="long", position=4, min_input_tokens=500)
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    assert served(world.chat("gpt-4o")) == "gpt-4o"
    assert served(world.chat("gpt-4o", metadata={"tags": ["batch"]})) == "small"
    assert served(world.chat("gpt-4o", metadata={"plan": "pro"})) == "small"
    assert served(world.chat("gpt-4o", metadata={"plan": "free"})) == "gpt-4o"
    assert served(world.chat("gpt-4o", tools=[tool])) == "small"
    assert served(world.chat("gpt-4o", "word " * 600)) == "small"


def test_a_conversation_stays_with_its_model_while_others_go_elsewhere(world, models):
    add_rule(world, {models["small"]: 1, models["large"]: 1}, strategy="weighted")

    def turns(start: str) -> set[str]:
        messages = [{"role": "user", "content": start}]
        found = set()
        for _ in range(3):
            reply = world.post("/v1/chat/completions", {"model": "gpt-4o", "messages": messages})
            found.add(served(reply))
            messages += [{"role": "assistant", "content": "yes"}, {"role": "user", "content": "and then?"}]
        return found

    chosen = [turns(f"start {n}") for n in range(8)]
    assert all(len(models_of_one) == 1 for models_of_one in chosen)
    seen = set().union(
        *chosen
    )  # which model is drawn anew for each run: of eight conversations all may go to one of the two
    others = (served(world.chat("gpt-4o", f"another {n}")) for n in range(60))
    while len(seen) < 2:
        seen.add(next(others))
    assert seen == {"small", "large"}


def test_the_cheapest_model_is_the_one_that_has_read_the_conversation_already(world, simulator):
    small = world.model("small", "openai", input_usd_per_mtok=1, output_usd_per_mtok=1)
    large = world.model(
        "large", "anthropic", input_usd_per_mtok=2, output_usd_per_mtok=1, cache_read_usd_per_mtok=Decimal("0.2")
    )
    task = Task.objects.create(tenant=world.tenant, slug="talk", name="Talk", default_model=small, strategy="cheapest")
    TaskFallback.objects.create(task=task, model=large)

    def turn(start: str) -> str:
        messages = [{"role": "user", "content": start}]
        return served(
            world.post("/v1/chat/completions", {"model": "task/talk", "max_tokens": 50, "messages": messages})
        )

    first = "word " * 3000
    simulator.behave(model="small", fault="500")
    assert turn(first) == "large"
    simulator.reset()
    assert turn(first) == "large"
    assert turn("another " * 3000) == "small"


def test_a_task_s_own_strategy_orders_its_chain(world, models):
    task = Task.objects.create(
        tenant=world.tenant, slug="sum", name="Sum", default_model=models["large"], strategy="cheapest"
    )
    TaskFallback.objects.create(task=task, model=models["small"])
    assert served(world.chat("task/sum")) == "small"
    task.quality_floor = 60
    task.save()
    assert served(world.chat("task/sum")) == "large"


def test_what_a_key_may_not_use_no_rule_leads_to(world, models):
    from tenants import api_keys

    narrow = api_keys.create(world.tenant, name="narrow", allowed_models=["gpt-4o"])
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}
    add_rule(world, [models["small"]], requested_models=["gpt-4o"])
    assert error(world.post("/v1/chat/completions", body, secret=narrow.secret)) == (403, "model_not_allowed")
    assert served(world.post("/v1/chat/completions", body)) == "small"


def test_a_tier_that_this_process_does_not_know_yet_counts_for_the_first_request(world, models):
    EndUser.objects.create(tenant=world.tenant, external_id="ada", tier="paid")
    add_rule(world, [models["small"]], name="free", tiers=["free"])
    add_rule(world, [models["large"]], name="paid", tiers=["paid"])
    assert served(world.chat("gpt-4o", user="ada")) == "large"


class TestExplain:
    def explain(self, world, model="gpt-4o", prompt="hello", **fields):
        body = {"model": model, "messages": [{"role": "user", "content": prompt}], **fields}
        reply = world.post("/v1/route/explain", body)
        assert reply.status == 200, reply.body
        return reply.json()

    def test_says_what_the_next_request_does_and_calls_nobody(self, world, models, simulator):
        EndUser.objects.create(tenant=world.tenant, external_id="ada", tier="paid")
        add_rule(world, [models["large"]], name="free", position=1, tiers=["free"])
        add_rule(
            world, [models["large"], models["small"]], name="paid", position=2, tiers=["paid"], strategy="cheapest"
        )
        told = self.explain(world, user="ada", max_completion_tokens=100)
        assert told["rule"] == {"name": "paid", "owner": "tenant"}
        assert told["passed_over"] == [
            {"rule": "free", "owner": "tenant", "because": "its end user is of tier paid, not free"}
        ]
        tokens = told["input_tokens"]
        assert [(item["model"], item["expected_cost_usd"], item["breaker"]) for item in told["attempts"]] == [
            ("small", f"{(tokens + 100) / 1e6:.9f}", "closed"),
            ("large", f"{(tokens * 5 + 100 * 20) / 1e6:.9f}", "closed"),
        ]
        assert (told["tier"], told["strategy"], told["likely_output_tokens"], told["refusal"]) == (
            "paid",
            "cheapest",
            100,
            None,
        )
        assert simulator.requests() == []
        assert world.records_so_far() == []

    def test_reads_messages_in_anthropic_s_format(self, world):
        body = {
            "model": "gpt-4o",
            "max_tokens": 50,
            "system": "Be brief.",
            "messages": [{"role": "user", "content": "x"}],
        }
        told = world.post("/v1/route/explain", body, anthropic_version="2023-06-01").json()
        assert ([item["model"] for item in told["attempts"]], told["likely_output_tokens"]) == (["gpt-4o"], 50)

    def test_tells_a_refusal_instead_of_making_it(self, world, models):
        add_rule(world, [models["small"]], name="floor", quality_floor=80)
        told = self.explain(world)
        assert told["refusal"]["code"] == "quality_too_low"
        assert (told["attempts"], told["dropped"]) == (
            [],
            [{"model": "small", "reason": "its quality is 50, and 80 is the least"}],
        )
        assert self.explain(world, "task/none")["refusal"]["code"] == "task_not_found"

    def test_knows_how_far_budgets_are_used(self, world, models):
        budget(world, 4, name="Calls")
        add_rule(world, [models["small"]], name="late", budget="Calls", budget_share=50)
        assert self.explain(world)["passed_over"][0]["because"] == (
            "at most 0 % of the budget “Calls” are used, not 50 %"
        )
        for _ in range(2):
            assert world.chat().status == 200
        assert self.explain(world)["rule"] == {"name": "late", "owner": "tenant"}

    def test_knows_the_shares_of_the_request_s_own_tags_and_models(self, world, models):
        budget(world, 4, name="Each tag", scope="tag")
        budget(world, 4, name="Large", scope="model", subject="gpt-4o")
        add_rule(world, [models["small"]], name="tag", position=1, budget="Each tag", budget_share=50)
        add_rule(world, [models["small"]], name="model", position=2, budget="Large", budget_share=75)
        a = {"metadata": {"tags": ["a"]}}
        for _ in range(2):
            assert served(world.chat(**a)) == "gpt-4o"
        assert self.explain(world, **a)["rule"] == {"name": "tag", "owner": "tenant"}
        assert self.explain(world)["rule"] is None
        assert served(world.chat()) == "gpt-4o"
        assert self.explain(world)["rule"] == {"name": "model", "owner": "tenant"}
        assert [served(world.chat()), served(world.chat(**a))] == ["small", "small"]

    def test_tells_of_a_budget_that_calls_for_a_cheaper_model(self, world, models):
        budget(world, 4, name="Low", cheaper_at=50, cheaper_model="small")
        assert self.explain(world)["degraded_by"] is None
        for _ in range(2):
            assert served(world.chat()) == "gpt-4o"
        told = self.explain(world)
        assert (told["degraded_by"], [item["model"] for item in told["attempts"]]) == ("Low", ["small"])
        assert told["attempts"][0]["reason"] == "budget Low"
        assert served(world.chat()) == "small"

    def test_tells_of_a_budget_that_is_used_up(self, world):
        budget(world, 1, name="One")
        assert self.explain(world)["refusal"] is None
        assert world.chat().status == 200
        told, refused = self.explain(world), world.chat().json()["error"]
        assert told["refusal"] == {"code": refused["code"], "message": refused["message"]}
        assert [item["model"] for item in told["attempts"]] == ["gpt-4o"]

    def test_warns_of_rules_that_never_match(self, world, models):
        add_rule(world, [models["small"], models["large"]], name="all", position=1)
        add_rule(world, [models["small"], models["large"]], name="rest", position=2, tags=["x"])
        assert self.explain(world)["warnings"] == [
            "Rule “rest” never matches: “all”, which is asked before it, takes all of its requests."
        ]

    def test_needs_a_key_and_a_body_that_could_be_sent(self, world, gateway):
        assert gateway.request("POST", "/v1/route/explain", b"{}").status == 401
        assert error(world.post("/v1/route/explain", {"model": "gpt-4o"})) == (400, "invalid_request")
        assert world.get("/v1/route/explain").status == 405

    def test_names_nothing_of_another_tenant(self, world, gateway, simulator_process, models):
        from tests.gateway.live import World

        add_rule(world, [models["small"]], name="Acme's secret rule")
        other = World.build(gateway, simulator_process.base_url)
        told = self.explain(other)
        assert (told["rule"], told["passed_over"], told["warnings"]) == (None, [], [])
