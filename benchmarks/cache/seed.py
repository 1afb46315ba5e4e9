"""The configuration that a stream is replayed on: a tenant for each way of deciding, so that none is given another's answers."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import django

LOTS = 1_000_000_000
LEAST_SIMILARITY = "0.7"
# Nothing but the similarity that most caches ask for; then the verifier, by the share of wrong answers that a policy tolerates.
WAYS: dict[str, dict[str, Any]] = {
    "guards, similarity from 0.95": {"semantic_verified": False},
    **{
        f"verified, target {percent} %": {"semantic_threshold": LEAST_SIMILARITY, "target_false_percent": percent}
        for percent in (2, 5, 10)
    },
}


def main(simulator_url: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from gateway.models import CachePolicy, Model, Provider, SemanticWatch
    from tenants import api_keys
    from tenants.models import Tenant

    provider = Provider.objects.create(
        name="openai", kind="openai", base_url=f"{simulator_url}/v1", credential="sk-bench"
    )
    Model.objects.create(provider=provider, name="gpt-4o", capabilities=["chat", "streaming", "tools"])
    keys = {}
    for number, (name, policy) in enumerate(WAYS.items()):
        tenant = Tenant.objects.create(name=name, slug=f"way-{number}")
        CachePolicy.objects.create(tenant=tenant, exact=False, semantic=True, **policy)
        SemanticWatch.objects.create(tenant=tenant, check_percent=0)
        keys[name] = api_keys.create(tenant, name="bench", requests_per_minute=LOTS, max_concurrency=10_000).secret
    print(json.dumps({"api_key": "", "keys": keys}))


if __name__ == "__main__":
    main(sys.argv[1])
