"""Models: what applications may name, what it is upstream, and what it costs."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import display
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, DropdownFilter

from billing import prices
from gateway import catalog
from gateway.admin.breakers import BreakerPages
from gateway.admin.fields import SeveralOf
from gateway.admin.prices import usd_per_mtok
from gateway.models import Model, Provider
from tenants import sites, visits
from tenants.admin import scope
from tenants.admin.badges import badge
from tenants.admin.base import WholeRowForm
from tenants.admin.filters import TenantFilter
from tenants.roles import Action


class ModelForm(WholeRowForm):
    capabilities = SeveralOf(
        Model.Capability,
        field=Model._meta.get_field("capabilities"),
        initial=[Model.Capability.CHAT, Model.Capability.STREAMING],
    )

    class Meta:
        model = Model
        exclude = ["created_at"]

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        try:
            catalog.check(self.instance, within=self.console_tenant)
        except ValidationError as error:
            self.add_error(None, error)


class ProviderFilter(DropdownFilter):
    title = _("provider")
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        if not scope.is_operator(request):
            return []
        return [(str(pk), name) for pk, name in Provider.objects.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(provider_id=self.value()) if self.value() else queryset


@sites.register(Model)
class ModelAdmin(BreakerPages):
    subject = "models"
    form = ModelForm
    is_shared = True
    fixed_tenant_field = "owner"
    deletion_hint = _(
        "A task or a rule sends requests to it. Take it out there first, or switch it off: it is then passed over."
    )
    empty_hint = _("What applications may name in a request. Connect a provider, and choose from what it serves.")
    list_display = [
        "name",
        "provider_name",
        "owner",
        "capabilities_shown",
        "window",
        "price",
        "breaker_state",
        "is_active",
    ]
    list_select_related = ["provider", "tenant"]
    list_filter = [TenantFilter, ProviderFilter, ("is_active", BooleanRadioFilter)]
    search_fields = ["name", "upstream_id"]
    search_help_text = _("Name or upstream id")
    autocomplete_fields = ["tenant", "provider"]
    readonly_fields = ["price_explained", "created_at"]
    fieldsets = [
        (
            None,
            {
                "fields": ["tenant", "name", "provider", "upstream_id", "is_active", "breaker"],
                "description": _("A tenant's own model hides the operator's of the same name."),
            },
        ),
        (_("Abilities"), {"fields": ["capabilities", "context_window", "max_output_tokens", "quality"]}),
        (
            _("Price"),
            {
                "fields": [
                    "price_explained",
                    "price_ref",
                    "input_usd_per_mtok",
                    "output_usd_per_mtok",
                    "cache_read_usd_per_mtok",
                    "cache_write_5m_usd_per_mtok",
                    "cache_write_1h_usd_per_mtok",
                ],
                "description": _(
                    "Prices come from the genai-prices catalog. Amounts entered here override it; both an input and an "
                    "output price are needed then, and an empty cache price means the input price."
                ),
            },
        ),
    ]

    def _may(self, request: HttpRequest, action: Action, row: Any) -> bool:
        """A tenant's people change what is at their own providers; what the operator made for them elsewhere they look at."""
        if not super()._may(request, action, row):
            return False
        visit = visits.found(request)
        if visit is None or action == "view" or not isinstance(row, Model):
            return True
        return row.provider.tenant_id == visit.tenant.pk

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """In a console without a provider of its own one is connected first."""
        visit = visits.found(request)
        is_asked = request.method == "GET" and visit is not None and self.has_add_permission(request)
        if is_asked and not Provider.objects.filter(tenant_id=visit.tenant.pk).exists():  # type: ignore[union-attr]
            text = _("A model of your own is served by a provider of your own. Connect that one first.")
            self.message_user(request, text, messages.INFO)
            return HttpResponseRedirect(reverse("admin:gateway_provider_connect"))
        response: HttpResponse = super().add_view(request, form_url, extra_context)
        return response

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        visit = visits.found(request)
        catalog.save(obj, within=visit.tenant if visit is not None else None)

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        catalog.remove(obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        models: QuerySet[Model] = super().get_queryset(request)
        return models.select_related("provider", "tenant").defer("provider__credential")

    @display(description=_("Provider"), ordering="provider__name")
    def provider_name(self, model: Model) -> str:
        return model.provider.name

    @display(description=_("Capabilities"))
    def capabilities_shown(self, model: Model) -> str:
        return ", ".join(str(Model.Capability(name).label) for name in model.capabilities)

    @display(description=_("Context"), ordering="context_window")
    def window(self, model: Model) -> str | None:
        return f"{model.context_window:,}" if model.context_window else None

    @display(description=_("Price, in / out per million"))
    def price(self, model: Model) -> str:
        price = _price(model)
        if price is None:
            return (
                badge(_("unknown"), "warning")
                if settings.GATEWAY_DEFAULT_PRICE
                else badge(_("none: refused"), "danger")
            )
        mark = " *" if price.source == "override" else ""
        return f"{usd_per_mtok(price.base.input)} / {usd_per_mtok(price.base.output)}{mark}"

    @display(description=_("price in force"))
    def price_explained(self, model: Model) -> str:
        price = _price(model) if model.provider_id else None
        if price is None and settings.GATEWAY_DEFAULT_PRICE:
            return str(_("Unknown. The operator's default price counts instead."))
        if price is None:
            return str(
                _("None is known, so requests to this model are refused. Enter an input and an output price below.")
            )
        base = price.base
        text = _(
            "%(input)s input, %(read)s cache read, %(write)s cache write, %(output)s output per million tokens"
        ) % {
            "input": usd_per_mtok(base.input),
            "read": usd_per_mtok(base.cache_read),
            "write": usd_per_mtok(base.cache_write_5m),
            "output": usd_per_mtok(base.output),
        }
        for threshold, rates in price.tiers:
            text += "\n" + _("above %(tokens)s input tokens: %(input)s input, %(output)s output") % {
                "tokens": f"{threshold:,}",
                "input": usd_per_mtok(rates.input),
                "output": usd_per_mtok(rates.output),
            }
        source = (
            _("set here") if price.source == "override" else _("from the catalog: %(place)s") % {"place": price.source}
        )
        return f"{text}\n({source})"


def _price(model: Model) -> prices.Price | None:
    return model.price_at(timezone.now())
