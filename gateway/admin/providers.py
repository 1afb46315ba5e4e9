"""Providers. A credential goes in and never comes out: not into the page, the history or the audit trail."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin import display
from django.db.models import BooleanField, Case, Count, QuerySet, Value, When
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldBooleanSwitchWidget

from gateway.models import Provider
from tenants import sites
from tenants.admin.badges import badge
from tenants.admin.base import TenantScopedAdmin, WholeRowForm
from tenants.admin.filters import TenantFilter
from tenants.encryption import UndecryptableError


class ProviderForm(WholeRowForm):
    """`new_credential` writes the credential; empty keeps it, `forget_credential` removes it."""

    new_credential = forms.CharField(
        label=_("Credential"),
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
        help_text=_("The provider's API key. Encrypted at rest, never shown again."),
    )
    forget_credential = forms.BooleanField(
        label=_("Remove the credential"), required=False, widget=UnfoldBooleanSwitchWidget()
    )

    class Meta:
        model = Provider
        fields = ["tenant", "name", "kind", "base_url", "is_active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "new_credential" in self.fields and getattr(self.instance, "has_credential", False):
            self.fields["new_credential"].widget.attrs["placeholder"] = _("Set. Leave empty to keep it.")

    @sensitive_variables("given")
    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        given = cleaned.get("new_credential", "")
        if given and cleaned.get("forget_credential"):
            self.add_error("forget_credential", _("Either enter a new credential or remove the present one."))
        elif given or cleaned.get("forget_credential"):
            self.instance.credential = given
        else:
            try:
                _present = self.instance.credential
            except UndecryptableError:
                self.add_error(
                    "new_credential",
                    _(
                        "The stored credential opens with none of TOLLGATE_ENCRYPTION_KEYS. "
                        "Enter it again, or add the key it was written with."
                    ),
                )
        return cleaned

    def _post_clean(self) -> None:
        if self.has_error("new_credential"):
            return  # the row's own checks read the credential
        super()._post_clean()  # type: ignore[misc]

    def add_error(self, field: str | None, error: Any) -> None:
        """What the row says about its credential stands beside the input it was entered in."""
        by_field = getattr(error, "error_dict", None)
        if by_field and "credential" in by_field:
            by_field["new_credential"] = by_field.pop("credential")
        super().add_error(field, error)


@sites.register(Provider)
class ProviderAdmin(TenantScopedAdmin):
    subject = "providers"
    form = ProviderForm
    fixed_tenant_field = "owner"
    deletion_hint = _(
        "Its models stand in tasks or rules. Take them out there, or switch the provider off: "
        "its models are then passed over."
    )
    list_display = ["name", "kind", "address", "owner", "credential_state", "models_count", "is_active"]
    list_select_related = ["tenant"]
    list_filter = [TenantFilter, ("kind", ChoicesDropdownFilter), ("is_active", BooleanRadioFilter)]
    search_fields = ["name", "base_url"]
    search_help_text = _("Name or base URL")
    autocomplete_fields = ["tenant"]
    readonly_fields = ["credential_state", "created_at"]
    identity_fields = (None, {"fields": ["tenant", "name", "kind", "base_url", "is_active"]})
    credential_fields = (
        _("Credential"),
        {
            "fields": ["new_credential", "forget_credential"],
            "description": _("Write-only. What is stored can be replaced or removed, not read."),
        },
    )
    add_fieldsets = [identity_fields, (_("Credential"), {"fields": ["new_credential"]})]
    fieldsets = [identity_fields, credential_fields, (_("Record"), {"fields": ["created_at"]})]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Provider]:
        providers: QuerySet[Provider] = super().get_queryset(request)
        none = Case(When(credential="", then=Value(False)), default=Value(True), output_field=BooleanField())
        return providers.defer("credential").annotate(has_credential=none, models_total=Count("models"))

    def get_fieldsets(self, request: HttpRequest, obj: Provider | None = None) -> list[Any]:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is not None and not self.has_change_permission(request, obj):
            fieldsets[1] = (_("Credential"), {"fields": ["credential_state"]})
        return fieldsets

    @sensitive_variables("had_credential")
    def save_model(self, request: HttpRequest, obj: Provider, form: Any, change: bool) -> None:
        try:
            super().save_model(request, obj, form, change)
        except UndecryptableError:  # the audit trail reads what is being replaced
            Provider.objects.filter(pk=obj.pk).update(credential="")
            super().save_model(request, obj, form, change)

    @display(description=_("Base URL"))
    def address(self, provider: Provider) -> str:
        return provider.effective_base_url

    @display(description=_("Credential"))
    def credential_state(self, provider: Any) -> str:
        return badge(_("Set"), "success") if provider.has_credential else badge(_("None"))

    @display(description=_("Models"), ordering="models_total")
    def models_count(self, provider: Any) -> int:
        return int(provider.models_total)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return sensitive_post_parameters("new_credential")(super().changeform_view)(request, *args, **kwargs)
