"""Tasks, rules, policies and the request log by the management API."""

from typing import Any

import pytest

from gateway.models import CachePolicy, ContextPolicy, Model, RoutingRule, RoutingTarget, Task, TaskFallback
from tenants import audit
from tests.cast import Cast, request_row
from tests.management import error_of, script

pytestmark = pytest.mark.django_db


def another(cast: Cast, name: str = "second") -> Model:
    provider = cast.acme.provider
    return Model.objects.create(tenant=cast.acme.tenant, provider=provider, name=name, capabilities=["chat"])


def chain(task_id: Any) -> list[str]:
    links = TaskFallback.objects.filter(task_id=task_id).order_by("position")
    return list(links.values_list("model__name", flat=True))


def test_a_task_is_made_with_its_fallbacks_in_order(cast: Cast):
    ada, first, second = script(cast.acme.tenant), another(cast), another(cast, "third")
    body = {"slug": "sum", "name": "Sum up", "default_model": str(cast.acme.model.pk)}
    made = ada.post("tasks", {**body, "fallbacks": [str(second.pk), str(first.pk), str(cast.model.pk)]})
    assert made.status_code == 201, made.content
    task_id = made.json()["id"]
    assert made.json()["fallbacks"] == [str(second.pk), str(first.pk), str(cast.model.pk)]
    assert chain(task_id) == ["third", "second", cast.model.name]
    assert ada.patch(f"tasks/{task_id}", {"fallbacks": [str(first.pk), str(second.pk)]}).status_code == 200
    assert chain(task_id) == ["second", "third"]
    assert ada.patch(f"tasks/{task_id}", {"name": "Summary"}).json()["name"] == "Summary"
    assert chain(task_id) == ["second", "third"]
    entries = [entry.get_action_display() for entry in audit.history_of(Task.objects.get(pk=task_id))]
    assert sorted(entries) == sorted(["create"] * 4 + ["update"] * 2 + ["delete"] + ["update"])
    assert ada.delete(f"tasks/{task_id}").status_code == 204


@pytest.mark.parametrize(
    ("fallbacks", "text"),
    [("default", "default model already"), ("twice", "stands in it once"), ("theirs", "Invalid pk")],
)
def test_a_chain_that_makes_no_sense_is_refused_whole(cast: Cast, fallbacks: str, text: str):
    ada, second, task = script(cast.acme.tenant), another(cast), cast.acme.task
    models = {"default": [cast.acme.model], "twice": [second, second], "theirs": [cast.globex.model]}[fallbacks]
    body = {"name": "Changed", "fallbacks": [str(model.pk) for model in models]}
    error = error_of(ada.patch(f"tasks/{task.pk}", body), 400)
    assert text in str(error["fields"])
    task.refresh_from_db()
    assert (task.name, chain(task.pk)) == ("Acme's task", [])


def test_the_operators_task_is_looked_at(cast: Cast):
    ada = script(cast.acme.tenant, "owner")
    seen = ada.get("tasks", slug=cast.task.slug).json()["results"]
    assert [(row["is_own"], len(row["fallbacks"])) for row in seen] == [(False, 1)]
    error_of(ada.patch(f"tasks/{cast.task.pk}", {"name": "mine"}), 403)
    error_of(ada.post("context-policies", {"task": str(cast.task.pk)}), 400)
    assert ContextPolicy.objects.filter(task__tenant=cast.acme.tenant).count() == 0


def test_a_context_policy_is_made_for_a_task(cast: Cast):
    ada, task = script(cast.acme.tenant), cast.acme.task
    made = ada.post("context-policies", {"task": str(task.pk), "keep_messages": 6}).json()
    assert (made["keep_messages"], made["is_own"]) == (6, True)
    assert task.context_policy.tenant == cast.acme.tenant
    error = error_of(ada.patch(f"context-policies/{made['id']}", {"summarises": True}), 400)
    assert list(error["fields"]) == ["summary_model"]
    error_of(ada.post("context-policies", {"task": str(cast.globex.task.pk)}), 400)
    assert ada.delete(f"context-policies/{made['id']}").status_code == 204


def test_a_rule_is_made_with_targets_and_reads_as_a_sentence(cast: Cast):
    ada = script(cast.acme.tenant)
    body = {
        "name": "Free users",
        "tiers": ["free"],
        "metadata": {"plan": "trial"},
        "strategy": "weighted",
        "targets": [{"model": str(cast.acme.model.pk), "weight": 9}, {"model": str(another(cast).pk)}],
    }
    made = ada.post("rules", body)
    assert made.status_code == 201, made.content
    assert [item["weight"] for item in made.json()["targets"]] == [9, 1]
    assert "free" in made.json()["sentence"]
    rule_id = made.json()["id"]
    assert (
        ada.patch(f"rules/{rule_id}", {"targets": [{"model": str(cast.acme.model.pk), "weight": 1}]}).status_code == 200
    )
    assert list(RoutingTarget.objects.filter(rule_id=rule_id).values_list("weight", flat=True)) == [1]
    assert ada.get(f"rules/{rule_id}/oddities").status_code == 200
    assert ada.delete(f"rules/{rule_id}").status_code == 204


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"tasks": ["nope"]}, "tasks"),
        ({"budget": "none", "budget_share": 50}, "budget"),
        ({"min_input_tokens": 9, "max_input_tokens": 8}, "max_input_tokens"),
        ({"targets": [{"model": "x"}]}, "targets[0].model"),
        ({"targets": [{"model": None, "wieght": 1}]}, "targets[0].wieght"),
        ({"weekdays": [7]}, "weekdays[0]"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(cast: Cast, body: Any, field: str):
    before = RoutingRule.objects.count()
    error = error_of(script(cast.acme.tenant).post("rules", {"name": "x", **body}), 400)
    assert field in error["fields"]
    assert RoutingRule.objects.count() == before


def test_rules_are_put_in_order_all_at_once(cast: Cast):
    ada, old = script(cast.acme.tenant), str(cast.acme.rule.pk)
    made = ada.post("rules", {"name": "second", "tags": ["x"], "targets": [{"model": str(cast.acme.model.pk)}]})
    new = made.json()["id"]
    assert [row["id"] for row in ada.get("rules", is_own="true").json()["results"]] == [old, new]
    assert [row["id"] for row in ada.post("rules/order", {"rules": [new, old]}).json()["results"]] == [new, old]
    assert [row["id"] for row in ada.get("rules", is_own="true").json()["results"]] == [new, old]
    for wrong in ([new], [new, old, old], [new, str(cast.globex.rule.pk)], [new, old, str(cast.rule.pk)]):
        assert list(error_of(ada.post("rules/order", {"rules": wrong}), 400)["fields"]) == ["rules"]
    assert list(RoutingRule.objects.filter(pk__in=[old, new]).order_by("pk").values_list("position", flat=True)) == [
        20,
        10,
    ]


def test_cache_policies_are_edited_and_answers_purged(cast: Cast):
    ada = script(cast.acme.tenant)
    made = ada.post("cache-policies", {"ttl_seconds": 60})
    assert (made.status_code, made.json()["task"], made.json()["semantic_threshold"]) == (201, None, "0.95")
    error_of(ada.post("cache-policies", {}), 400)
    assert ada.patch(f"cache-policies/{made.json()['id']}", {"exact": False}).json()["exact"] is False
    task, key = cast.acme.task.slug, str(cast.acme.key.api_key.pk)
    for body in ({"all": True}, {"task": task}, {"key": key}, {"tag": "x"}, {"end_user": "u1"}):
        assert ada.post("cache-policies/purge", body).status_code == 204
    changes = str([entry.changes for policy in CachePolicy.objects.all() for entry in audit.history_of(policy)])
    assert "everything" in changes
    for wrong in ({}, {"all": False}, {"all": True, "tag": "x"}, {"key": str(cast.globex.key.api_key.pk)}):
        error_of(ada.post("cache-policies/purge", wrong), 400)
    error_of(ada.post("cache-policies/purge", {"task": cast.globex.task.slug}), 400)
    assert ada.delete(f"cache-policies/{made.json()['id']}").status_code == 204


def test_the_request_log_is_read_and_filtered(cast: Cast):
    vera, company = script(cast.acme.tenant, "viewer"), cast.acme
    refused = request_row(company.tenant, company.key.api_key, outcome="refused", status=429, tags=["a", "b"])
    rows = vera.get("requests").json()["results"]
    assert {row["id"] for row in rows} == {str(refused.pk), str(company.request.pk)}
    assert rows[0]["cost_usd"] == "0.000123456"
    assert [row["id"] for row in vera.get("requests", tag="b", outcome="refused").json()["results"]] == [
        str(refused.pk)
    ]
    assert [row["id"] for row in vera.get("requests", status=429).json()["results"]] == [str(refused.pk)]
    named = vera.get("requests", request_id=str(company.request)).json()["results"]
    assert [row["request_id"] for row in named] == [str(company.request)]
    assert vera.get(f"requests/{refused.pk}").json()["outcome"] == "refused"
    error_of(vera.get(f"requests/{cast.globex.request.pk}"), 404)
    assert vera.get("requests", since="2035-01-01T00:00:00Z").json()["results"] == []
    error_of(vera.delete(f"requests/{refused.pk}"), 405)
