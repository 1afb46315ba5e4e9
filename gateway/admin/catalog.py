"""Models: what applications may name, what it is upstream, and what it costs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, DropdownFilter

from billing import prices
from gateway.admin.breakers import BreakerPages
from gateway.admin.fields import SeveralOf
from gateway.models import Model, Provider
from tenants import sites
from tenants.admin import scope
from tenants.admin.base import WholeRowForm
from tenants.admin.filters import TenantFilter

PICO_PER_USD_MTOK = 1_000_000  # picodollars a token per dollar a million tokens


def usd_per_mtok(picodollars: int) -> str:
    """A rate as people write it: at least two decimals, and as many more as it has."""
    amount = (Decimal(picodollars) / PICO_PER_USD_MTOK).normalize()
    decimals = max(2, -int(amount.as_tuple().exponent))
    return f"${amount:.{decimals}f}"


class ModelForm(WholeRowForm):
    capabilities = SeveralOf(
        Model.Capability,
        field=Model._meta.get_field("capabilities"),
        initial=[Model.Capability.CHAT, Model.Capability.STREAMING],
    )

    class Meta:
        model = Model
        exclude = ["created_at"]


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
            return str(_("unknown"))
        mark = " *" if price.source == "override" else ""
        return f"{usd_per_mtok(price.base.input)} / {usd_per_mtok(price.base.output)}{mark}"

    @display(description=_("price in force"))
    def price_explained(self, model: Model) -> str:
        price = _price(model) if model.provider_id else None
        if price is None:
            return str(_("Unknown: requests are logged with a cost of 0 and marked as not priced."))
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
        source = _("set here") if price.source == "override" else price.source
        return f"{text}\n({source})"


def _price(model: Model) -> prices.Price | None:
    return model.price_at(timezone.now())
