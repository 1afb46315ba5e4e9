"""Tenants, with the people who run them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter

from tenants.admin import scope
from tenants.admin.badges import badge
from tenants.admin.base import PartInline, TenantScopedAdmin
from tenants.models import Membership, Tenant


class MembershipInline(PartInline):
    """Who belongs to the tenant. Operators edit it here; owners on the membership's own page."""

    model = Membership
    fields = ["user", "role"]
    autocomplete_fields = ["user"]
    verbose_name = _("member")
    verbose_name_plural = _("members")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user", "tenant")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return scope.is_operator(request)


@admin.register(Tenant)
class TenantAdmin(TenantScopedAdmin):
    tenant_path = "pk"
    members_may = frozenset({"view", "change"})
    deletion_hint = _(
        "Switch the tenant off instead: its keys are refused from the next request on, and nothing is lost."
    )
    list_display = ["name", "slug", "timezone", "state", "created_at"]
    list_filter = [("is_active", BooleanRadioFilter)]
    search_fields = ["name", "slug"]
    search_help_text = _("Name or slug")
    prepopulated_fields = {"slug": ["name"]}
    readonly_fields = ["created_at"]
    fieldsets = [
        (
            None,
            {
                "fields": ["name", "slug", "timezone", "log_days", "is_active", "created_at"],
                "description": _(
                    "A tenant has its own keys, limits, rules and request log, and never sees another tenant's."
                ),
            },
        )
    ]
    inlines = [MembershipInline]

    @display(description=_("State"), ordering="is_active")
    def state(self, tenant: Tenant) -> str:
        return badge(_("Active"), "success") if tenant.is_active else badge(_("Switched off"), "danger")

    def get_readonly_fields(self, request: HttpRequest, obj: Tenant | None = None) -> list[str]:
        fixed = super().get_readonly_fields(request, obj)
        return fixed if scope.is_operator(request) else [*fixed, "slug", "is_active"]

    def get_prepopulated_fields(self, request: HttpRequest, obj: Tenant | None = None) -> dict[str, Any]:
        return {} if obj is not None else dict(super().get_prepopulated_fields(request, obj))
