"""The people on whose behalf a tenant's applications call."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from tenants import sites
from tenants.admin.base import TenantScopedAdmin
from tenants.admin.filters import TenantFilter
from tenants.models import EndUser


@sites.register(EndUser)
class EndUserAdmin(TenantScopedAdmin):
    subject = "end_users"
    list_display = ["external_id", "tenant", "tier", "created_at"]
    list_select_related = ["tenant"]
    list_filter = [TenantFilter]
    search_fields = ["external_id", "tier"]
    search_help_text = _("External id or tier")
    autocomplete_fields = ["tenant"]
    readonly_fields = ["created_at"]
    fieldsets = [
        (
            None,
            {
                "fields": ["tenant", "external_id", "tier", "created_at"],
                "description": _("The tier picks the per-user limits of the tenant's plan."),
            },
        )
    ]
