"""The configuration the fault benchmark runs on: a secondary model that is well, and chains to it from primaries that are not."""

from __future__ import annotations

import json
import os
import sys

import django

SECONDARY = "secondary"
# Task → what its primary is upstream, and its circuit breaker.
PRIMARIES = {
    "well": ("gpt-4o", "auto"),
    "open": ("gpt-4o?fault=500&error_message=open", "auto"),
    "half-open": ("gpt-4o?fault=500&latency_ms=500", "auto"),
    "closed": ("gpt-4o?fault=500", "closed"),
}


def main(simulator_url: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from gateway.models import Model, Provider, Task, TaskFallback
    from tenants import api_keys
    from tenants.models import Tenant

    base_url = f"{simulator_url}/v1"

    def model(name: str, upstream_id: str, breaker: str = "auto") -> Model:
        provider = Provider.objects.create(name=name, kind="openai", base_url=base_url, credential="sk-bench")
        return Model.objects.create(
            provider=provider,
            name=name,
            upstream_id=upstream_id,
            breaker=breaker,
            price_ref="openai:gpt-4o",
            capabilities=["chat", "streaming", "tools"],
        )

    secondary = model(SECONDARY, "gpt-4o-mini")
    for slug, (upstream_id, breaker) in PRIMARIES.items():
        task = Task.objects.create(slug=slug, name=slug, default_model=model(f"primary-{slug}", upstream_id, breaker))
        TaskFallback.objects.create(task=task, position=1, model=secondary)
    key = api_keys.create(Tenant.objects.create(name="Bench", slug="bench"), name="bench", max_concurrency=10_000)
    print(json.dumps({"api_key": key.secret}))


if __name__ == "__main__":
    main(sys.argv[1])
