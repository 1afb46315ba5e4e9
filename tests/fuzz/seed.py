"""A tenant with a model of each format, a task, a key and a management key that may do everything."""

from __future__ import annotations

import json
import os
import sys

import django


def main(simulator_url: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.contrib.auth import get_user_model

    from gateway.models import CachePolicy, Model, Provider, Task
    from tenants import api_keys, management_keys
    from tenants.models import Membership, Tenant
    from tenants.roles import Role

    tenant = Tenant.objects.create(name="Fuzzed", slug="fuzzed")
    for kind, name, base_url in (
        ("openai", "gpt-4o", f"{simulator_url}/v1"),
        ("anthropic", "claude-sonnet-4-5", simulator_url),
    ):
        provider = Provider.objects.create(name=kind, kind=kind, base_url=base_url, credential="sk-fuzz")
        model = Model.objects.create(
            provider=provider, name=name, capabilities=["chat", "streaming", "tools", "vision"]
        )
    Model.objects.create(
        provider=Provider.objects.get(name="openai"), name="text-embedding-3-small", capabilities=["embeddings"]
    )
    CachePolicy.objects.create(tenant=tenant)
    Task.objects.create(tenant=tenant, slug="summarise", name="Summarise", default_model=model)
    owner = get_user_model().objects.create_user("owner", "owner@example.com")
    Membership.objects.create(tenant=tenant, user=owner, role=Role.OWNER)
    key = api_keys.create(tenant, name="fuzz")
    managing = management_keys.create(tenant, name="fuzz", role=Role.OWNER, by=owner, by_role=Role.OWNER)
    # Of another tenant: what the management key may do ends with keys that are revoked.
    calling = Tenant.objects.create(name="Called", slug="called")
    CachePolicy.objects.create(tenant=calling)
    Task.objects.create(tenant=calling, slug="summarise", name="Summarise", default_model=model)
    keys = {"management_key": managing.secret, "calling_key": api_keys.create(calling, name="fuzz").secret}
    print(json.dumps({"api_key": key.secret, "keys": keys}))


if __name__ == "__main__":
    main(sys.argv[1])
