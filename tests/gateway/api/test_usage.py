"""GET /v1/budgets and GET /v1/usage: where an application stands."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tenants import api_keys
from tests.gateway.budgets import budget, counter, error, plan
from tests.gateway.live import Reply, World


def get(world: World, path: str, secret: str | None = None) -> Reply:
    return world.gateway.request("GET", path, authorization=f"Bearer {secret or world.secret}")


def named(reply: Reply) -> dict[str, Any]:
    return {item["name"]: item for item in reply.json()["data"]}


def test_budgets_say_what_is_used_and_left(world):
    budget(world, 10, "requests", name="All")
    budget(world, 1, "usd", name="Money", window="day")
    budget(world, 5, "requests", name="Ada's", scope="end_user", subject="ada")
    cost = Decimal(world.chat(user="ada").headers["x-tollgate-cost-usd"])
    assert world.chat().status == 200
    found = named(get(world, "/v1/budgets?user=ada"))
    assert {name: (item["used"], item["left"]) for name, item in found.items() if name != "Money"} == {
        "All": (2, 8),
        "Ada's": (1, 4),
    }
    assert found["Money"]["used"] == float(cost) * 2
    assert found["Money"]["window"] == "day"
    assert found["Money"]["resets_at"].endswith("Z")
    assert "Ada's" not in named(get(world, "/v1/budgets"))
    assert "Ada's" not in named(get(world, "/v1/budgets?user=bob"))


def test_budgets_come_from_the_ledger_where_nothing_is_counted_yet(world):
    for _ in range(2):
        assert world.chat().status == 200
    world.records(2)
    budget(world, 10, "requests", name="New")
    assert named(get(world, "/v1/budgets"))["New"]["used"] == 2
    assert counter(world, "requests") == (0, 0)


def test_what_each_task_model_or_tag_has_used_is_told_for_those_that_are_named(world):
    budget(world, 5, "requests", name="Each tag", scope="tag")
    budget(world, 5, "requests", name="Tag b", scope="tag", subject="b")
    budget(world, 5, "requests", name="Each model", scope="model")
    assert world.chat(metadata={"tags": ["a", "b"]}).status == 200
    assert named(get(world, "/v1/budgets")).keys() == {"Tag b"}
    found = get(world, "/v1/budgets?tag=a&tag=c&model=gpt-4o").json()["data"]
    assert {(item["name"], item["subject"], item["used"]) for item in found} == {
        ("Each tag", "a", 1),
        ("Each tag", "c", 0),
        ("Tag b", "b", 1),
        ("Each model", "gpt-4o", 1),
    }
    assert error(get(world, "/v1/budgets?" + "&".join(f"tag={number}" for number in range(21)))) == (
        400,
        "invalid_request",
    )


def test_a_tier_s_limit_is_the_end_user_s(world):
    plan(world, usd_per_month=5).tiers.create(tier="free", tokens_per_day=1000)
    found = get(world, "/v1/budgets?user=ada").json()["data"]
    assert [(item["metric"], item["limit"]) for item in found] == [("usd", 5), ("tokens", 1000)]


def test_usage_is_the_key_s_own(world):
    other = api_keys.create(world.tenant, name="other", scopes=["chat"]).secret
    assert world.chat().status == 200
    row = world.records(1)[0]
    own = get(world, "/v1/usage").json()
    assert own["of"] == "key"
    assert (own["total"]["requests"], own["total"]["cost_usd"]) == (1, f"{row.cost_usd:.9f}")
    assert (own["total"]["input_tokens"], own["total"]["output_tokens"]) == (row.input_tokens, row.output_tokens)
    assert own["data"][0]["day"] == row.accepted_at.astimezone(ZoneInfo(world.tenant.timezone)).date().isoformat()
    assert get(world, "/v1/usage", other).json()["total"]["requests"] == 0


def test_the_scope_usage_opens_the_whole_tenant_s(world):
    secret = api_keys.create(world.tenant, name="app", scopes=["chat"]).secret
    assert world.chat(user="ada", metadata={"tags": ["x", "y"]}).status == 200
    assert world.message().status == 200
    world.records(2)
    by_model = get(world, "/v1/usage?group_by=model").json()
    assert {item["model"]: item["requests"] for item in by_model["data"]} == {"claude-sonnet-4-5": 1, "gpt-4o": 1}
    assert by_model["total"]["requests"] == 2
    assert [item["tag"] for item in get(world, "/v1/usage?group_by=tag").json()["data"]] == ["x", "y"]
    assert get(world, "/v1/usage?group_by=day").json()["total"]["requests"] == 2
    assert error(get(world, "/v1/usage?group_by=model", secret)) == (403, "missing_scope")


def test_what_is_asked_wrongly_is_said(world):
    for query in ("from=yesterday", "from=2026-02-01&to=2026-01-01", "group_by=mood", "from=2020-01-01"):
        reply = get(world, f"/v1/usage?{query}")
        assert error(reply) == (400, "invalid_request")
    assert error(get(world, "/v1/budgets?user=" + "x" * 201)) == (400, "invalid_request")
