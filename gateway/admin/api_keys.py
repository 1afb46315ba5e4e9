"""API keys: made here with a secret that is shown once, and revoked here.

The secret is in the answer to the form's POST and nowhere else: no session, message, log or audit entry has it.
"""

from __future__ import annotations

import difflib
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import display
from django.contrib.admin.utils import unquote
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from unfold.contrib.filters.admin import DropdownFilter
from unfold.widgets import UnfoldAdminTextInputWidget

from gateway.admin.fields import SeveralOf
from gateway.models import Model, Task
from tenants import api_keys, sites
from tenants.admin.badges import badge
from tenants.admin.base import TenantScopedAdmin, WholeRowForm
from tenants.admin.filters import TenantFilter
from tenants.models import ApiKey


class ApiKeyForm(WholeRowForm):
    scopes = SeveralOf(ApiKey.Scope, field=ApiKey._meta.get_field("scopes"), initial=ApiKey.Scope.values)

    class Meta:
        model = ApiKey
        fields = ["tenant", "name", "scopes", "allowed_models", "allowed_tasks", "expires_at"]
        field_classes = {"allowed_models": SimpleArrayField, "allowed_tasks": SimpleArrayField}
        widgets = {"allowed_models": UnfoldAdminTextInputWidget, "allowed_tasks": UnfoldAdminTextInputWidget}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        tenant_id = self.instance.tenant_id or getattr(cleaned.get("tenant"), "pk", None)
        if tenant_id is not None:
            visible = Q(tenant=None) | Q(tenant_id=tenant_id)
            self._refuse_unknown("allowed_models", Model.objects.filter(visible).values_list("name", flat=True))
            self._refuse_unknown("allowed_tasks", Task.objects.filter(visible).values_list("slug", flat=True))
        return cleaned

    def _refuse_unknown(self, field: str, known: QuerySet[Any, Any]) -> None:
        if field not in self.cleaned_data:
            return
        asked = [name.strip() for name in self.cleaned_data[field] if name.strip()]
        if field == "allowed_tasks":
            asked = [name.removeprefix("task/") for name in asked]
        self.cleaned_data[field] = asked = list(dict.fromkeys(asked))
        names = set(known) if asked else set()
        for name in asked:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                hint = _(" Did you mean “%(near)s”?") % {"near": near[0]} if near else ""
                what = _("model") if field == "allowed_models" else _("task")
                text = _("This tenant has no %(what)s “%(name)s”.") % {"what": what, "name": name}
                self.add_error(field, ValidationError(f"{text}{hint}"))


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
class ApiKeyAdmin(TenantScopedAdmin):
    subject = "keys"
    form = ApiKeyForm
    deletion_hint = _("Revoke the key instead: it is refused at once, and its name stays readable in the request log.")
    list_display = [
        "name",
        "tenant",
        "shown_prefix",
        "state",
        "scopes_shown",
        "last_used_at",
        "expires_at",
        "created_at",
    ]
    list_select_related = ["tenant"]
    list_filter = [TenantFilter, StateFilter]
    search_fields = ["name", "prefix", "tenant__name"]
    search_help_text = _("Name or prefix")
    autocomplete_fields = ["tenant"]
    readonly_fields = ["shown_prefix", "state", "last_used_at", "revoked_at", "created_by", "created_at"]
    actions = ["revoke_selected"]
    change_form_template = "admin/tenants/apikey/change_form.html"
    may = (
        _("What the key may do"),
        {
            "fields": ["scopes", "allowed_models", "allowed_tasks"],
            "description": _("Names as in the catalog; a name the tenant cannot use is refused here."),
        },
    )
    limits = (
        _("Limits of this key"),
        {
            "fields": [
                "requests_per_minute",
                "tokens_per_minute",
                "max_concurrency",
                "tokens_per_month",
                "usd_per_month",
                "expires_at",
            ],
            "description": _("They apply on top of the tenant's plan and budgets."),
        },
    )
    add_fieldsets = [
        (
            None,
            {
                "fields": ["tenant", "name"],
                "description": _("The key is shown once, right after it is saved. Only a hash of it is kept."),
            },
        ),
        may,
        limits,
    ]
    fieldsets = [
        (None, {"fields": ["tenant", "name", "shown_prefix", "state"]}),
        may,
        limits,
        (_("Record"), {"fields": ["last_used_at", "revoked_at", "created_by", "created_at"]}),
    ]

    @display(description=_("Key"), ordering="prefix")
    def shown_prefix(self, api_key: ApiKey) -> str:
        return f"{api_key.prefix}…"

    @display(description=_("State"))
    def state(self, api_key: ApiKey) -> str:
        if api_key.revoked_at is not None:
            return badge(_("Revoked"), "danger")
        return badge(_("Active"), "success") if api_key.is_usable else badge(_("Expired"), "warning")

    @display(description=_("Scopes"))
    def scopes_shown(self, api_key: ApiKey) -> str:
        return ", ".join(api_key.scopes)

    @sensitive_variables("secret")
    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if not change:
            secret = api_keys.new_secret()
            api_keys.put_secret(obj, secret)
            obj.created_by = request.user  # type: ignore[assignment]
            request._tollgate_revealed = api_keys.RevealedKey(obj, secret)  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """The key, this once, in the answer itself; never to be cached, and a reload shows the key's page instead."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("API key made"),
            "opts": self.opts,
            "revealed": request._tollgate_revealed,  # type: ignore[attr-defined]
            "page_url": reverse("admin:tenants_apikey_change", args=[obj.pk]),
            "list_url": reverse("admin:tenants_apikey_changelist"),
        }
        response = TemplateResponse(request, "admin/tenants/apikey/revealed.html", context, status=201)
        response["Cache-Control"] = "no-store"
        return response

    @admin.action(description=_("Revoke the selected keys"), permissions=["change"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        keys = [key for key in queryset if self.has_change_permission(request, key)]
        if request.POST.get("confirmed"):
            self._revoke(request, keys)
            return None
        return self._ask(request, keys, cancel_url=reverse("admin:tenants_apikey_changelist"))

    def get_urls(self) -> list[Any]:
        revoke = self.admin_site.admin_view(self.revoke_view)
        return [path("<path:object_id>/revoke/", revoke, name="tenants_apikey_revoke"), *super().get_urls()]

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET asks, POST revokes."""
        key = self.get_object(request, unquote(object_id))
        if not self.has_change_permission(request, key):
            raise PermissionDenied
        page_url = reverse("admin:tenants_apikey_change", args=[key.pk])
        if request.method == "POST":
            self._revoke(request, [key])
            return HttpResponseRedirect(page_url)
        return self._ask(request, [key], cancel_url=page_url)

    def _ask(self, request: HttpRequest, keys: list[ApiKey], *, cancel_url: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Revoke %(count)d keys?") % {"count": len(keys)} if len(keys) != 1 else _("Revoke this key?"),
            "opts": self.opts,
            "keys": keys,
            "from_list": "action" in request.POST,
            "cancel_url": cancel_url,
        }
        return TemplateResponse(request, "admin/tenants/apikey/revoke.html", context)

    def _revoke(self, request: HttpRequest, keys: list[ApiKey]) -> None:
        with transaction.atomic():
            for key in keys:
                api_keys.revoke(key)
        names = ", ".join(str(key) for key in keys)
        self.message_user(request, _("Revoked: %(names)s") % {"names": names or "—"}, messages.SUCCESS)
