"""An API key's own limits on its page in the console."""

from decimal import Decimal

import pytest
from django.urls import reverse

from tests.billing.budget_forms import errors
from tests.cast import Cast, at_work

pytestmark = pytest.mark.django_db


def test_a_keys_limits_are_set_on_its_page(cast: Cast):
    key = cast.acme.key.api_key
    fields = {
        "name": key.name,
        "scopes": ["chat"],
        "requests_per_minute": "60",
        "tokens_per_minute": "90000",
        "tokens_per_month": "5000000",
        "usd_per_month": "12.5",
    }
    address = reverse("admin:tenants_apikey_change", args=[key.pk])
    client = at_work(cast.ada)
    assert client.post(address, fields).status_code == 302
    key.refresh_from_db()
    assert (key.requests_per_minute, key.tokens_per_minute, key.tokens_per_month, key.usd_per_month) == (
        60, 90_000, 5_000_000, Decimal("12.5"),
    )  # fmt: skip
    response = client.post(
        address, {**fields, "tokens_per_minute": "0", "tokens_per_month": "0", "usd_per_month": "-1"}
    )
    assert set(errors(response)) == {"tokens_per_minute", "tokens_per_month", "usd_per_month"}
    shown = client.get(reverse("admin:tenants_apikey_add")).content.decode()
    assert [
        name for name in ("tokens_per_minute", "tokens_per_month", "usd_per_month") if f'name="{name}"' not in shown
    ] == []
