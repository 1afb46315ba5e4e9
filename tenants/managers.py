"""The default manager of tenant-owned models: it shows what the present tenancy allows, and nothing where none was said."""

from __future__ import annotations

from typing import Any, TypeVar

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
        # Django makes managers of related rows (`task.fallbacks`) from this class without its arguments: the model's own one knows.
        own: Any = self.model._default_manager if isinstance(self.model._default_manager, TenantManager) else self
        visible = Q(**{own.path: present.tenant_id})
        return rows.filter(visible | Q(**{f"{own.path}__isnull": True}) if own.shares_unowned else visible)

    def across(self, reason: str) -> QuerySet[M]:
        """The rows of all tenants, for a reason; within a console the database still shows one tenant's only."""
        return super().get_queryset()
