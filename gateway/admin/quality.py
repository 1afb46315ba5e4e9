"""What the cascade has learnt, to look at: labelled answers and the versions of the models trained from them. Nobody edits them here."""

from __future__ import annotations

from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter

from gateway.admin.estimates import EstimatePaginator
from gateway.models import LabeledAnswer, QualityModel
from tenants import sites
from tenants.admin.base import TenantScopedAdmin
from tenants.admin.filters import TenantFilter
from tenants.admin.looked_at import LookedAt


class LookedAtAdmin(LookedAt, TenantScopedAdmin):
    """Rows of a tenant."""

    fixed_tenant_field = "owner"


@sites.register(LabeledAnswer)
class LabeledAnswerAdmin(LookedAtAdmin):
    subject = "labels"
    paginator = EstimatePaginator
    show_full_result_count = False
    list_display = ["beginning", "owner", "task", "is_good", "source", "changed_at"]
    list_filter = [TenantFilter, ("is_good", BooleanRadioFilter), ("source", ChoicesDropdownFilter)]
    search_fields = ["task", "prompt"]
    search_help_text = _("Task or prompt")
    fieldsets = [
        (None, {"fields": ["tenant", "request_id", "task", "is_good", "source", "weight", "changed_at"]}),
        (_("Texts"), {"fields": ["prompt", "answer"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LabeledAnswer]:
        rows: QuerySet[LabeledAnswer] = super().get_queryset(request)
        return rows.select_related("tenant")

    @display(description=_("Prompt"), ordering="prompt")
    def beginning(self, label: LabeledAnswer) -> str:
        return label.prompt if len(label.prompt) <= 80 else f"{label.prompt[:79]}…"


@sites.register(QualityModel)
class QualityModelAdmin(LookedAtAdmin):
    subject = "quality_models"
    is_shared = True
    list_display = ["named", "owner", "is_active", "auc", "brier", "measured_on", "rows", "trained_at"]
    list_display_links = ["named"]
    list_filter = [TenantFilter, ("is_active", BooleanRadioFilter)]
    search_fields = ["tenant__name"]
    fieldsets = [
        (
            None,
            {
                "fields": ["tenant", "version", "is_active", "auc", "brier", "measured_on", "rows", "trained_at"],
                "description": _(
                    "Judges a cheap model's answer in a cascade. A new version is used unless it measures worse."
                ),
            },
        )
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[QualityModel]:
        rows: QuerySet[QualityModel] = super().get_queryset(request)
        return rows.select_related("tenant").defer("payload", "unseen")

    @display(description=_("Version"), ordering="version")
    def named(self, model: QualityModel) -> str:
        return f"v{model.version}"

    @display(description=_("AUC"))
    def auc(self, model: QualityModel) -> str:
        return _figure(model.metric("auc"))

    @display(description=_("Brier score"))
    def brier(self, model: QualityModel) -> str:
        return _figure(model.metric("brier"))

    @display(description=_("Measured on"))
    def measured_on(self, model: QualityModel) -> str:
        return _("%(count)s other answers") % {"count": model.metric("n") or 0}


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
