"""API keys: their list with what they spent, and what each may do. How a secret is made, shown and ended is in `key_pages`."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import display
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from billing import key_use
from gateway.admin import starters
from gateway.admin.key_forms import IN_SHORT, ApiKeyForm
from gateway.admin.key_pages import KeyPages
from tenants import api_keys, sites
from tenants.admin import times
from tenants.admin.badges import badge
from tenants.admin.filters import TenantFilter
from tenants.models import ApiKey


class StateFilter(DropdownFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("active", _("Active")), ("expired", _("Expired")), ("revoked", _("Revoked"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        gone = Q(expires_at__lte=timezone.now())
        match self.value():
            case "active":
                return queryset.filter(~gone | Q(expires_at=None), revoked_at=None)
            case "expired":
                return queryset.filter(gone, revoked_at=None)
            case "revoked":
                return queryset.filter(revoked_at__isnull=False)
        return queryset


@sites.register(ApiKey)
class ApiKeyAdmin(KeyPages):
    subject = "keys"
    form = ApiKeyForm
    deletion_hint = _("Revoke the key instead: it is refused at once, and its name stays readable in the request log.")
    empty_hint = _(
        "Applications call Tollgate with a key of their own, which says what they may do and what they may spend."
    )
    list_display = ["name_and_prefix", "tenant", "state", "scopes_shown", "last_used", "this_month", "made_by"]
    list_display_links = ["name_and_prefix"]
    list_select_related = ["tenant", "created_by"]
    list_filter = [TenantFilter, StateFilter]
    search_fields = ["name", "secrets__prefix", "tenant__name"]
    search_help_text = _("Name or beginning of the key")
    autocomplete_fields = ["tenant"]
    readonly_fields = ["state", "this_month", "last_used", "revoked_at", "made_by", "created_at"]
    actions = ["revoke_selected"]
    change_form_template = "admin/tenants/apikey/change_form.html"
    may = (
        _("What the key may do"),
        {"fields": ["scopes", "allowed_models", "allowed_tasks"]},
    )
    budget = (
        _("Budget of its own"),
        {
            "fields": ["usd_per_month", "tokens_per_month"],
            "description": _(
                "In a calendar month of the tenant's time zone. At 100 % the key's requests are refused. The plan and "
                "the tenant's budgets apply besides."
            ),
        },
    )
    pace = (
        _("Pace"),
        {"fields": ["requests_per_minute", "tokens_per_minute", "max_concurrency"]},
    )
    end = (_("End"), {"fields": ["expires_at"]})
    add_fieldsets = [
        (
            None,
            {
                "fields": ["tenant", "name"],
                "description": _("The key is shown once, right after it is saved. Only a hash of it is kept."),
            },
        ),
        may,
        budget,
        pace,
        end,
    ]
    fieldsets = [
        (None, {"fields": ["tenant", "name", ("state", "last_used", "this_month")]}),
        may,
        budget,
        pace,
        end,
        (_("Record"), {"fields": ["made_by", "created_at", "revoked_at"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        """Without the playground's in the list: no application has it. It has a page, for its limits, and may have budgets."""
        rows: QuerySet[ApiKey] = super().get_queryset(request)
        page = request.resolver_match.url_name if request.resolver_match else ""
        return rows.filter(kind=ApiKey.Kind.APPLICATION) if page == "tenants_apikey_changelist" else rows

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With what each key has used this month, read for the whole page at once."""
        changes = super().get_changelist_instance(request)
        changes.result_list = list(changes.result_list)
        used = key_use.this_month(changes.result_list, timezone.now())
        for key in changes.result_list:
            key._tollgate_use = used[key.pk]
        return changes

    @display(description=_("Key"), ordering="name")
    def name_and_prefix(self, api_key: ApiKey) -> str:
        return format_html(
            '<span class="tg-two">{}<small class="tg-mono">{}…</small></span>', api_key.name, api_key.prefix
        )

    @display(description=_("State"))
    def state(self, api_key: ApiKey) -> str:
        if api_key.revoked_at is not None:
            return badge(_("Revoked"), "danger")
        if not api_key.is_usable:
            return badge(_("Expired"), "warning")
        active = badge(_("Active"), "success")
        if api_key.expires_at is None:
            return active
        ends = format_html(str(_("ends {}")), times.ago(api_key.expires_at))
        return format_html('<span class="tg-two">{}<small>{}</small></span>', active, ends)

    @display(description=_("May"))
    def scopes_shown(self, api_key: ApiKey) -> str:
        may = ", ".join(str(IN_SHORT[scope]) for scope in IN_SHORT if scope in api_key.scopes)
        limits = []
        if api_key.allowed_models:
            limits.append(str(_("%(count)d models") % {"count": len(api_key.allowed_models)}))
        if api_key.allowed_tasks:
            limits.append(str(_("%(count)d tasks") % {"count": len(api_key.allowed_tasks)}))
        if not limits:
            return may
        only = str(_("only %(what)s")) % {"what": ", ".join(limits)}
        return format_html('<span class="tg-two">{}<small>{}</small></span>', may, only)

    @display(description=_("Last used"), ordering="last_used_at")
    def last_used(self, api_key: ApiKey) -> str:
        return times.ago(api_key.last_used_at, _("never"))

    @display(description=_("This month"))
    def this_month(self, api_key: Any) -> str:
        use = getattr(api_key, "_tollgate_use", None)
        if use is None:
            use = key_use.this_month([api_key], timezone.now())[api_key.pk]
        return render_to_string("admin/tenants/apikey/used.html", {"shown": key_use.shown(api_key, use)})

    @display(description=_("Made by"), ordering="created_by__first_name")
    def made_by(self, api_key: ApiKey) -> str:
        who: Any = api_key.created_by
        return str(who.get_full_name() or who.get_username()) if who is not None else "–"

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if change:
            api_keys.change(obj)
        else:
            request._tollgate_revealed = api_keys.add(obj, created_by=request.user)  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        return self.reveal(request, request._tollgate_revealed)  # type: ignore[attr-defined]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """With the key's secrets, and the code to call with it."""
        key = kwargs.get("obj")
        if key is not None:
            context["secrets"] = self.secrets_of(key)
            context["secret_columns"] = [_("Begins with"), _("Accepted"), _("Last used"), _("Made")]
            context["snippets"] = starters.snippets(request, key) if key.is_usable else ()
        return super().render_change_form(request, context, *args, **kwargs)
