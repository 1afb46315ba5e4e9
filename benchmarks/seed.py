"""The configuration a measurement runs on: an OpenAI and an Anthropic model, a tenant whose key has only a pace, one whose answers are
cached, one with every limit (a plan, an end-user tier, a key with limits of its own, and five budgets), and one with both."""

from __future__ import annotations

import json
import os
import sys

import django

from benchmarks.peers.target import UPSTREAM

LOTS = 1_000_000_000


def main(simulator_url: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from gateway.models import CachePolicy, Model, Provider
    from tenants import api_keys
    from tenants.models import Tenant

    for kind, name, base_url in (
        ("openai", "gpt-4o", f"{simulator_url}/v1"),
        ("anthropic", "claude-sonnet-4-5", simulator_url),
    ):
        provider = Provider.objects.create(name=kind, kind=kind, base_url=base_url, credential="sk-bench")
        Model.objects.create(provider=provider, name=name, capabilities=["chat", "streaming", "tools"])
        if kind == "openai":
            for model, upstream in UPSTREAM.items():
                if model == name:
                    continue
                Model.objects.create(
                    provider=provider,
                    name=model,
                    upstream_id=upstream,
                    price_ref="openai:gpt-4o",
                    capabilities=["chat", "streaming"],
                )
    tenant = Tenant.objects.create(name="Bench", slug="bench")
    key = api_keys.create(tenant, name="bench", requests_per_minute=LOTS, max_concurrency=10_000)
    caching = Tenant.objects.create(name="Cached", slug="cached")
    CachePolicy.objects.create(tenant=caching)
    cached = api_keys.create(caching, name="bench", requests_per_minute=LOTS, max_concurrency=10_000)
    keys = {"api_key": key.secret, "cached_key": cached.secret, "enforced_key": _enforced("enforced")}
    everything = _enforced("everything")
    tenant = Tenant.objects.get(slug="everything")
    CachePolicy.objects.create(tenant=tenant)
    narrow = api_keys.create(tenant, name="narrow", requests_per_minute=60)  # refused most of the time
    print(json.dumps({**keys, "everything_key": everything, "keys": {"narrow": narrow.secret}}))


def _enforced(slug: str) -> str:
    from django.utils import timezone

    from billing.models import Budget, Plan, Subscription
    from tenants import api_keys
    from tenants.models import Tenant

    tenant = Tenant.objects.create(name=slug.title(), slug=slug, timezone="Europe/Vienna")
    pace = {"requests_per_minute": LOTS, "tokens_per_minute": LOTS, "max_concurrency": 10_000}
    plan = Plan.objects.create(
        name=slug.title(), slug=slug, tokens_per_month=LOTS**2 // 1000, usd_per_month=1_000_000, **pace
    )
    plan.tiers.create(tier="free", tokens_per_day=LOTS * 1000, **pace)
    Subscription.objects.create(tenant=tenant, plan=plan, started_at=timezone.now())
    for name, fields in {
        "tenant, a day": {"scope": "tenant", "window": "day"},
        "each end user": {"scope": "end_user", "window": "month"},
        "each model": {"scope": "model", "window": "week"},
        "free users": {"scope": "tier", "subject": "free", "window": "day"},
        "each key": {"scope": "key", "window": "hour"},
    }.items():
        Budget.objects.create(tenant=tenant, name=name, amount=1_000_000, metric="usd", **fields)
    return api_keys.create(tenant, name="bench", tokens_per_month=LOTS * 1000, usd_per_month=1_000_000, **pace).secret


if __name__ == "__main__":
    main(sys.argv[1])
