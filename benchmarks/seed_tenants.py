"""The configuration of many tenants: each with a plan, a budget, a key with limits of its own, all on one model of the operator's.

    python -m benchmarks.seed_tenants <simulator's URL>

prints their keys. `BENCH_TENANTS` says how many. The key "bounded" is the first one's, too, and may have
few calls under way at once; "cached" is one of a tenant whose answers are kept.
"""

from __future__ import annotations

import json
import os
import sys

import django

PLENTY = 1_000_000_000


def main(simulator_url: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from auditlog.context import disable_auditlog
    from django.db import transaction
    from django.utils import timezone

    from billing.models import Budget, Plan, Subscription
    from gateway.models import CachePolicy, Model, Provider
    from tenants import api_keys
    from tenants.models import Tenant

    provider = Provider.objects.create(name="openai", kind="openai", base_url=f"{simulator_url}/v1", credential="sk-x")
    Model.objects.create(provider=provider, name="gpt-4o", capabilities=["chat", "streaming", "tools"])
    pace = {"requests_per_minute": PLENTY, "tokens_per_minute": PLENTY, "max_concurrency": 10_000}
    plan = Plan.objects.create(name="Full", slug="full", usd_per_month=1_000_000, **pace)
    keys = {}
    with disable_auditlog(), transaction.atomic():
        for number in range(int(os.environ.get("BENCH_TENANTS", "1000"))):
            tenant = Tenant.objects.create(name=f"Tenant {number}", slug=f"tenant-{number}")
            Subscription.objects.create(tenant=tenant, plan=plan, started_at=timezone.now())
            Budget.objects.create(
                tenant=tenant, name="a month", amount=1_000_000, metric="usd", scope="tenant", window="month"
            )
            keys[str(number)] = api_keys.create(tenant, name="bench", usd_per_month=100_000, **pace).secret
            if number == 0:
                bounded = {**pace, "max_concurrency": 8}
                keys["bounded"] = api_keys.create(tenant, name="bounded", **bounded).secret
        caching = Tenant.objects.create(name="Cached", slug="cached")
        CachePolicy.objects.create(tenant=caching)
        keys["cached"] = api_keys.create(caching, name="bench", **pace).secret
    print(json.dumps({"api_key": keys["0"], "keys": keys}))


if __name__ == "__main__":
    main(sys.argv[1])
