"""The tasks and models that a budget may be about: the tenant's own and the operator's."""

from __future__ import annotations

from django.db.models import Q

from billing import limits, subjects
from billing.subjects import Choice
from gateway.models import Model, Task
from tenants.models import Tenant


@subjects.offers(limits.TASK)
def tasks(tenant: Tenant, text: str) -> list[Choice]:
    rows = Task.objects.filter(Q(tenant=tenant) | Q(tenant=None), is_active=True, slug__icontains=text)
    return [Choice(slug, slug) for slug in rows.order_by("slug").values_list("slug", flat=True).distinct()]


@subjects.offers(limits.MODEL)
def models(tenant: Tenant, text: str) -> list[Choice]:
    rows = Model.objects.filter(Q(tenant=tenant) | Q(tenant=None), is_active=True, name__icontains=text)
    return [Choice(name, name) for name in rows.order_by("name").values_list("name", flat=True).distinct()]
