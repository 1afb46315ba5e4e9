"""A tenant whose key has a budget of so many USD and nothing else; prints the key. Run with the stack's environment."""

from __future__ import annotations

import os
import sys
from decimal import Decimal

import django


def main(usd: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from billing.models import Budget
    from tenants import api_keys
    from tenants.models import Tenant

    tenant = Tenant.objects.create(name="Fifty", slug="fifty")
    key = api_keys.create(tenant, name="fifty", max_concurrency=10_000)
    Budget.objects.create(
        tenant=tenant, name="for fifty", scope="key", window="total", metric="usd", amount=Decimal(usd)
    )
    print(key.secret)


if __name__ == "__main__":
    main(sys.argv[1])
