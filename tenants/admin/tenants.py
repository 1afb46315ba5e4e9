"""Tenants, with the people who run them. In a console there is one: its settings."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import display
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter

from tenants import sites, tenant_settings, visits
from tenants.admin import scope
from tenants.admin.badges import badge
from tenants.admin.base import PartInline, TenantScopedAdmin
from tenants.models import Membership, Tenant

OPERATORS = (
    "slug",
    "log_days",
    "is_active",
)  # a console only shows them; the database would not let it write them either


class MembershipInline(PartInline):
    """Who belongs to the tenant."""

    model = Membership
    fields = ["user", "role"]
    autocomplete_fields = ["user"]
    verbose_name = _("member")
    verbose_name_plural = _("members")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user", "tenant")


@sites.register(Tenant)
class TenantAdmin(TenantScopedAdmin):
    subject = "tenant"
    tenant_path = "pk"
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
    in_console = {"inlines": []}  # there is a page for the team

    @display(description=_("State"), ordering="is_active")
    def state(self, tenant: Tenant) -> str:
        return badge(_("Active"), "success") if tenant.is_active else badge(_("Switched off"), "danger")

    def get_readonly_fields(self, request: HttpRequest, obj: Tenant | None = None) -> list[str]:
        fixed = super().get_readonly_fields(request, obj)
        return fixed if scope.is_operator(request) else [*fixed, *OPERATORS]

    def get_prepopulated_fields(self, request: HttpRequest, obj: Tenant | None = None) -> dict[str, Any]:
        return {} if obj is not None else dict(super().get_prepopulated_fields(request, obj))

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        """In a console only what its people set."""
        if scope.is_operator(request):
            super().save_model(request, obj, form, change)
        else:
            told = {name: form.cleaned_data[name] for name in form.changed_data if name in tenant_settings.EDITABLE}
            obj.refresh_from_db(fields=list(told))
            tenant_settings.change(obj, **told)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        visit = visits.found(request)
        if visit is not None:
            return HttpResponseRedirect(reverse("console:tenants_tenant_change", args=[visit.tenant.pk]))
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response
