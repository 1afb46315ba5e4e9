"""The configuration a measurement runs on: one tenant, one key with its limits, an OpenAI and an Anthropic model."""

from __future__ import annotations

import json
import os
import sys

import django


def main(simulator_url: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from gateway.models import Model, Provider
    from tenants import api_keys
    from tenants.models import Tenant

    tenant = Tenant.objects.create(name="Bench", slug="bench")
    for kind, name, base_url in (
        ("openai", "gpt-4o", f"{simulator_url}/v1"),
        ("anthropic", "claude-sonnet-4-5", simulator_url),
    ):
        provider = Provider.objects.create(name=kind, kind=kind, base_url=base_url, credential="sk-bench")
        Model.objects.create(provider=provider, name=name, capabilities=["chat", "streaming", "tools"])
    key = api_keys.create(tenant, name="bench", requests_per_minute=100_000_000, max_concurrency=10_000)
    print(json.dumps({"api_key": key.secret}))


if __name__ == "__main__":
    main(sys.argv[1])
