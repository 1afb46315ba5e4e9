"""The catalog as an application sees it."""

from __future__ import annotations

from gateway.models import Task
from tenants import api_keys


def test_lists_models_and_tasks_in_openais_format(world):
    Task.objects.create(tenant=world.tenant, slug="sum", name="Sum", default_model=world.model("small", "openai"))
    listed = world.get("/v1/models").json()
    assert listed["object"] == "list"
    assert [entry["id"] for entry in listed["data"]] == [
        "task/sum",
        "claude-sonnet-4-5",
        "gpt-4o",
        "small",
        "text-embedding-3-small",
    ]
    assert listed["data"][1]["owned_by"] == "anthropic"
    assert listed["data"][1]["created"] > 1_700_000_000


def test_lists_page_by_page_in_anthropics_format(world):
    first = world.get("/v1/models?limit=2", anthropic_version="2023-06-01").json()
    assert [entry["id"] for entry in first["data"]] == ["claude-sonnet-4-5", "gpt-4o"]
    assert (first["has_more"], first["first_id"], first["last_id"]) == (True, "claude-sonnet-4-5", "gpt-4o")
    second = world.get("/v1/models?limit=2&after_id=gpt-4o", anthropic_version="2023-06-01").json()
    assert ([entry["id"] for entry in second["data"]], second["has_more"]) == (["text-embedding-3-small"], False)
    back = world.get("/v1/models?limit=1&before_id=gpt-4o", anthropic_version="2023-06-01").json()
    assert ([entry["id"] for entry in back["data"]], back["has_more"]) == (["claude-sonnet-4-5"], False)


def test_says_what_is_wrong_with_a_page(world):
    for query in ("limit=0", "limit=x", "after_id=nobody"):
        reply = world.get(f"/v1/models?{query}", anthropic_version="2023-06-01")
        assert reply.status == 400
        assert reply.json()["error"]["type"] == "invalid_request_error"


def test_shows_one_model_whose_name_has_a_slash(world):
    world.model("meta/llama-4", "openai-compatible")
    assert world.get("/v1/models/meta/llama-4").json()["id"] == "meta/llama-4"
    assert world.get("/v1/models/gpt-4o", anthropic_version="2023-06-01").json()["type"] == "model"
    assert world.get("/v1/models/nope").status == 404


def test_lists_only_what_the_key_may_use(world):
    made = api_keys.create(world.tenant, name="narrow", allowed_models=["gpt-4o"])
    reply = world.gateway.request("GET", "/v1/models", authorization=f"Bearer {made.secret}")
    assert [entry["id"] for entry in reply.json()["data"]] == ["gpt-4o"]


def test_an_edit_shows_at_once(world):
    world.get("/v1/models")
    world.model("brand-new", "openai")
    assert "brand-new" in world.get("/v1/models").body.decode()
