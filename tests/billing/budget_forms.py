"""The operators' form of a budget with its raises, as tests fill it, send it and read what comes back."""

import datetime as dt
import html
import re
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing.models import Budget
from tests.cast import Cast

ADD = "/admin/billing/budget/add/"
LIST = "/admin/billing/budget/"
DAY = dt.timedelta(days=1)


def page(row: Budget, name: str = "change") -> str:
    return reverse(f"admin:billing_budget_{name}", args=[row.pk])


def form(*raises: dict[str, Any], initial: int = 0, **fields: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": "Fresh",
        "scope": "tenant",
        "api_key": "",
        "subject": "",
        "metric": "usd",
        "window": "month",
        "amount": "25",
        "thresholds": "80",
        "cheaper_at": "",
        "cheaper_model": "",
        "cached_only_at": "",
        "is_active": "on",
        "raises-TOTAL_FORMS": len(raises),
        "raises-INITIAL_FORMS": initial,
        **fields,
    }
    for number, row in enumerate(raises):
        values |= {f"raises-{number}-{name}": value for name, value in row.items()}
    return values


def a_raise(amount: Any, *, start: dt.timedelta = -DAY, end: dt.timedelta = DAY, **fields: Any) -> dict[str, Any]:
    starts_at, ends_at = (timezone.now() + span for span in (start, end))
    return {
        "amount": str(amount),
        "starts_at_0": f"{starts_at:%Y-%m-%d}",
        "starts_at_1": f"{starts_at:%H:%M:%S}",
        "ends_at_0": f"{ends_at:%Y-%m-%d}",
        "ends_at_1": f"{ends_at:%H:%M:%S}",
        "reason": "Launch day",
        **fields,
    }


def add(client: Client, cast: Cast, *raises: dict[str, Any], **fields: Any) -> Any:
    return client.post(ADD, form(*raises, **{"tenant": str(cast.acme.tenant.pk), **fields}))


def errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    return {name: list(texts) for name, texts in response.context["adminform"].form.errors.items()}


def raise_errors(response: Any) -> list[dict[str, list[str]]]:
    assert response.status_code == 200
    (inline,) = response.context["inline_admin_formsets"]
    return [{name: list(texts) for name, texts in item.items()} for item in inline.formset.errors]


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def values_of(response: Any) -> dict[str, str]:
    """What stands in the inputs."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", response.content.decode()):
        name, value = (re.search(rf'\b{attribute}="([^"]*)"', tag) for attribute in ("name", "value"))
        if name is not None and value is not None:
            found[name[1]] = html.unescape(value[1])
    return found
