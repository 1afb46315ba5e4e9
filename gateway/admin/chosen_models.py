"""What is asked about a model that a tenant takes up from its provider's list."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import prices
from gateway.models import Model, Provider
from tenants.admin.plain_forms import PlainForm


class ChosenModelForm(PlainForm, forms.ModelForm):
    """A model as it is going to be added. Without a price in the catalog one has to be entered."""

    class Meta:
        model = Model
        fields = [
            "upstream_id",
            "name",
            "capabilities",
            "context_window",
            "max_output_tokens",
            "input_usd_per_mtok",
            "output_usd_per_mtok",
            "price_ref",
        ]
        widgets = {"upstream_id": forms.HiddenInput, "price_ref": forms.HiddenInput}
        labels = {
            "name": gettext_lazy("Name for applications"),
            "context_window": gettext_lazy("Context window, tokens"),
            "max_output_tokens": gettext_lazy("Most output tokens"),
            "input_usd_per_mtok": gettext_lazy("Input, USD per million tokens"),
            "output_usd_per_mtok": gettext_lazy("Output, USD per million tokens"),
        }
        help_texts = dict.fromkeys(("name", "context_window", "max_output_tokens"), "")

    capabilities = forms.MultipleChoiceField(
        label=gettext_lazy("It can do"),
        choices=Model.Capability.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, provider: Provider, **kwargs: Any) -> None:
        super().__init__(*args, instance=Model(provider=provider, tenant_id=provider.tenant_id), **kwargs)

    def _get_validation_exclusions(self) -> set[str]:
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return excluded - {"tenant", "provider"}

    @property
    def price(self) -> prices.Price | None:
        """What the catalog knows; the fields may say otherwise."""
        return prices.resolve(
            kind=self.instance.provider.kind,
            upstream_id=str(self["upstream_id"].value() or ""),
            price_ref=str(self["price_ref"].value() or ""),
            at=timezone.now(),
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        has_own = cleaned.get("input_usd_per_mtok") is not None or cleaned.get("output_usd_per_mtok") is not None
        if not has_own and self.price is None and not settings.GATEWAY_DEFAULT_PRICE:
            text = _("Requests to a model without a price are refused. Enter what it costs; 0 if nothing.")
            self.add_error("input_usd_per_mtok", text)
        return cleaned

    def add_error(self, field: str | None, error: Any) -> None:
        """What concerns the row as a whole stands beside its price if that is half there, else beside its name."""
        by_field = getattr(error, "error_dict", None)
        if by_field and "__all__" in by_field:
            given = [self.cleaned_data.get(f"{kind}_usd_per_mtok") is not None for kind in ("input", "output")]
            beside = "output_usd_per_mtok" if given == [True, False] else "input_usd_per_mtok" if any(given) else "name"
            by_field.setdefault(beside, []).extend(by_field.pop("__all__"))
        super().add_error(field, error)
