"""Providers. A credential goes in and never comes out: not into the page, the history or the audit trail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.admin import display
from django.core.exceptions import ValidationError
from django.db.models import BooleanField, Case, Count, QuerySet, Value, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldBooleanSwitchWidget

from gateway import connections
from gateway.admin.prices import in_short
from gateway.admin.provider_models import ProviderModelPages
from gateway.connections import Address
from gateway.models import Model, Provider
from tenants import sites
from tenants.admin.badges import badge
from tenants.admin.base import WholeRowForm
from tenants.admin.filters import TenantFilter
from tenants.encryption import UndecryptableError


@dataclass(frozen=True)
class _ModelLine:
    """A model on its provider's page."""

    name: str
    url: str
    price: str
    is_active: bool

    @classmethod
    def of(cls, model: Model) -> _ModelLine:
        url = reverse("admin:gateway_model_change", args=[model.pk])
        return cls(model.name, url, in_short(model.price_at(timezone.now())), model.is_active)


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
        self.before = Address.of(self.instance) if not self.instance._state.adding else None
        if "new_credential" in self.fields and getattr(self.instance, "has_credential", False):
            hint = self.instance.credential_hint
            text = (
                _("Set (%(hint)s). Leave empty to keep it.") % {"hint": hint}
                if hint
                else _("Set. Leave empty to keep it.")
            )
            self.fields["new_credential"].widget.attrs["placeholder"] = text

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
        if self.errors:
            return
        try:
            if self.before is None:
                connections.check_address(self.instance)
            else:
                connections.check_change(self.instance, self.before, has_new_credential=self.has_new_credential)
        except ValidationError as error:
            self.add_error(None, error)

    @property
    def has_new_credential(self) -> bool:
        """Whether one was entered, or the present one is to go."""
        return bool(self.cleaned_data.get("new_credential") or self.cleaned_data.get("forget_credential"))

    def add_error(self, field: str | None, error: Any) -> None:
        """What the row says about its credential stands beside the input it was entered in."""
        by_field = getattr(error, "error_dict", None)
        if by_field and "credential" in by_field:
            by_field["new_credential"] = by_field.pop("credential")
        super().add_error(field, error)


@sites.register(Provider)
class ProviderAdmin(ProviderModelPages):
    subject = "providers"
    form = ProviderForm
    fixed_tenant_field = "owner"
    deletion_hint = _(
        "Its models stand in tasks or rules. Take them out there, or switch the provider off: "
        "its models are then passed over."
    )
    empty_hint = _("Connect Anthropic, OpenAI or any compatible server with your key for it; then choose its models.")
    list_display = ["name", "kind", "address", "owner", "credential_state", "connection", "models_count", "is_active"]
    change_form_template = "admin/gateway/provider/change_form.html"
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
        if not change:
            connections.add(obj)
            return
        try:
            connections.change(obj, has_new_credential=form.has_new_credential)
        except UndecryptableError:  # the audit trail reads what is being replaced
            Provider.objects.filter(pk=obj.pk).update(credential="")
            connections.change(obj, has_new_credential=form.has_new_credential)

    def delete_model(self, request: HttpRequest, obj: Provider) -> None:
        connections.remove(obj)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """With the connection's state, and the models that it serves."""
        provider = kwargs.get("obj")
        if provider is not None:
            context["connection"] = self.connection(provider)
            context["models"] = [_ModelLine.of(model) for model in provider.models.order_by("name")]
            context["is_unencrypted"] = provider.effective_base_url.startswith("http:") and provider.has_credential
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description=_("Base URL"))
    def address(self, provider: Provider) -> str:
        return provider.effective_base_url

    @display(description=_("Credential"))
    def credential_state(self, provider: Any) -> str:
        if not provider.has_credential:
            return badge(_("None"))
        if provider.credential_hint:
            return format_html('<span class="tg-mono">{}</span>', provider.credential_hint)
        return badge(_("Set"), "success")

    @display(description=_("Models"), ordering="models_total")
    def models_count(self, provider: Any) -> int:
        return int(provider.models_total)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return sensitive_post_parameters("new_credential")(super().changeform_view)(request, *args, **kwargs)
