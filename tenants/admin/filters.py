"""Filters of lists that name no tenant the person may not see."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from tenants.models import Tenant

OPERATOR = "operator"


class TenantFilter(DropdownFilter):
    """Rows of one tenant; where the operator has rows of their own, those."""

    title = _("tenant")
    parameter_name = "tenant"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        tenants = Tenant.objects.order_by("name")  # in a console there is one, and so no choice
        choices: list[tuple[str, Any]] = [(str(pk), name) for pk, name in tenants.values_list("pk", "name")]
        if getattr(model_admin, "is_shared", False):
            choices.insert(0, (OPERATOR, _("The operator's, for every tenant")))
        return choices if len(choices) > 1 else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == OPERATOR:
            return queryset.filter(tenant=None)
        return queryset.filter(tenant_id=self.value()) if self.value() else queryset
