"""The default manager of tenant-owned models: it shows what the present tenancy allows, and nothing where none was said."""

from __future__ import annotations

from typing import TypeVar

from django.db import models
from django.db.models import Q, QuerySet

from tenants import tenancy
from tenants.tenancy import OfTenant

M = TypeVar("M", bound=models.Model)


class TenantManager(models.Manager[M]):
    """`path` leads from a row to its tenant. `shares_unowned`: rows without a tenant are the operator's, for everyone to see."""

    def __init__(self, path: str = "tenant", *, shares_unowned: bool = False) -> None:
        super().__init__()
        self.path = path
        self.shares_unowned = shares_unowned

    def get_queryset(self) -> QuerySet[M]:
        """Raises `NoTenancy` in a web request that has not said whose rows it is about."""
        rows = super().get_queryset()
        present = tenancy.present()
        if not isinstance(present, OfTenant):
            return rows
        visible = Q(**{self.path: present.tenant_id})
        return rows.filter(visible | Q(**{f"{self.path}__isnull": True}) if self.shares_unowned else visible)

    def across(self, reason: str) -> QuerySet[M]:
        """The rows of all tenants, for a reason; within a console the database still shows one tenant's only."""
        return super().get_queryset()
