"""How people come to tenants: their single sign-on, which owners set up and operators approve the domains of, and invitations."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import display
from django.db.models import BooleanField, Case, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from tenants import sites, sso_connections, visits
from tenants.accounts import single_sign_on
from tenants.admin import scope
from tenants.admin.badges import badge
from tenants.admin.base import HouseAdmin, TenantScopedAdmin, WholeRowForm
from tenants.admin.filters import TenantFilter
from tenants.admin.looked_at import LookedAt
from tenants.console import addresses
from tenants.models import Invitation, SsoConnection
from tenants.roles import Role


class Domains(forms.Field):
    """Domains separated by commas or blanks, in lower case, once each."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:
        words = value if isinstance(value, list) else str(value or "").replace(",", " ").split()
        return sso_connections.domains_of(words)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return list(initial or []) != self.to_python(data)
        except forms.ValidationError:
            return True


class SsoForm(WholeRowForm):
    """`new_secret` writes the client secret; empty keeps it."""

    domains = Domains(label=_("E-mail domains"), help_text=SsoConnection._meta.get_field("domains").help_text)
    approved_domains = Domains(
        label=_("Approved domains"),
        required=False,
        help_text=SsoConnection._meta.get_field("approved_domains").help_text,
    )
    new_secret = forms.CharField(
        label=_("Client secret"),
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
        help_text=_("Encrypted at rest, never shown again."),
    )

    class Meta:
        model = SsoConnection
        exclude = ["client_secret", "created_at"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "new_secret" in self.fields and getattr(self.instance, "has_secret", False):
            self.fields["new_secret"].widget.attrs["placeholder"] = _("Set. Leave empty to keep it.")
        if "joins_as" in self.fields:
            choices = [("", _("Nobody: one has to be invited")), *Role.choices[1:]]
            self.fields["joins_as"].choices = choices  # type: ignore[attr-defined]

    @sensitive_variables("given")
    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        given = cleaned.get("new_secret", "")
        if given:
            self.instance.client_secret = given
        elif (
            self.instance.pk and not self.instance._state.adding and cleaned.get("issuer") != self.initial.get("issuer")
        ):
            self.add_error("new_secret", _("With another issuer, enter its client secret as well."))
        return cleaned

    def clean_issuer(self) -> str:
        issuer = str(self.cleaned_data["issuer"])
        return sso_connections.issuer_of(issuer) if "issuer" in self.changed_data else issuer.strip().rstrip("/")


@sites.register(SsoConnection)
class SsoConnectionAdmin(TenantScopedAdmin):
    subject = "sso"
    form = SsoForm
    list_display = ["name", "tenant", "issuer", "state", "is_required", "is_active"]
    list_select_related = ["tenant"]
    list_filter = [TenantFilter, ("is_active", BooleanRadioFilter), ("is_required", BooleanRadioFilter)]
    search_fields = ["name", "issuer", "tenant__name"]
    search_help_text = _("Name, issuer or tenant")
    autocomplete_fields = ["tenant"]
    readonly_fields = ["callback", "state", "created_at"]
    provider = (
        None,
        {
            "fields": ["tenant", "name", "issuer", "client_id", "new_secret", "is_active"],
            "description": _("An OpenID Connect provider, such as Okta, Entra ID, Google Workspace or Keycloak."),
        },
    )
    people = (_("People"), {"fields": ["domains", "joins_as", "is_required"]})
    add_fieldsets = [provider, people]
    fieldsets = [
        (None, {"fields": ["tenant", "name", "callback", "issuer", "client_id", "new_secret", "is_active"]}),
        (_("People"), {"fields": ["domains", "state", "approved_domains", "joins_as", "is_required"]}),
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A tenant has one."""
        is_free = visits.found(request) is None or not SsoConnection.objects.exists()
        return super().has_add_permission(request) and is_free

    def get_queryset(self, request: HttpRequest) -> QuerySet[SsoConnection]:
        rows: QuerySet[SsoConnection] = super().get_queryset(request)
        none = Case(When(client_secret="", then=Value(False)), default=Value(True), output_field=BooleanField())
        return rows.defer("client_secret").annotate(has_secret=none)

    def get_readonly_fields(self, request: HttpRequest, obj: SsoConnection | None = None) -> list[str]:
        """Whose the domains are, a tenant cannot say of itself; the database does not let its console say it either."""
        fixed = super().get_readonly_fields(request, obj)
        return fixed if scope.is_operator(request) else [*fixed, "approved_domains"]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """In a console there is one at most, so its page is opened at once."""
        visit = visits.found(request)
        if visit is not None and visit.may("view", self.subject):
            row = SsoConnection.objects.only("pk").first()
            name, args = ("change", [row.pk]) if row is not None else ("add", [])
            return HttpResponseRedirect(reverse(f"console:tenants_ssoconnection_{name}", args=args))
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Say at once whether the provider answers as it should; it is saved all the same."""
        super().save_related(request, form, formsets, change)
        for problem in single_sign_on.check(form.instance).problems:
            self.message_user(request, problem, messages.WARNING)
        waiting = sorted(set(form.instance.domains) - set(form.instance.approved_domains))
        if waiting:
            text = _("Not approved by an operator yet: %(domains)s") % {"domains": ", ".join(waiting)}
            self.message_user(request, text, messages.INFO)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return sensitive_post_parameters("new_secret")(super().changeform_view)(request, *args, **kwargs)

    @display(description=_("Redirect URI"))
    def callback(self, row: SsoConnection) -> str:
        """What the provider is to be told."""
        return addresses.outside("openid_connect_callback", row.provider_id)

    @display(description=_("Domains in force"))
    def state(self, row: SsoConnection) -> Any:
        trusted = sorted(row.trusted_domains)
        return ", ".join(trusted) if trusted else badge(_("none yet"), "warning")


@sites.register(Invitation, in_console=False)
class InvitationAdmin(LookedAt, HouseAdmin):
    """To look at. They are made and revoked in the tenant's console."""

    list_display = ["email", "tenant", "role", "invited_by", "created_at", "expires_at", "accepted_at", "revoked_at"]
    list_select_related = ["tenant", "invited_by"]
    list_filter = [TenantFilter, ("role", ChoicesDropdownFilter)]
    search_fields = ["email", "tenant__name"]
    search_help_text = _("E-mail or tenant")
    fields = [
        "tenant",
        "email",
        "role",
        "invited_by",
        "created_at",
        "sent_at",
        "expires_at",
        "accepted_at",
        "revoked_at",
    ]
    readonly_fields = fields
