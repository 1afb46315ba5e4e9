"""What the forms of tasks and of rules have in common: how a model is chosen, and what is said after saving."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gateway import routing_checks
from tenants.admin.base import TenantScopedAdmin

CASCADE = "strategy == 'cascade'"
CHOOSING = ["strategy", ("quality_floor", "max_request_usd"), ("cascade_threshold", "cascade_target")]
WHEN_MODELS_FAIL = (
    _("When models fail"),
    {"fields": ["first_byte_ms", ("replays_when_down", "replay_similarity"), "escapes_refusals"]},
)
WITH_DEFAULTS = ("strategy", "cascade_target", "replay_similarity", "likely_output_tokens", "weight")


class ChoosingAdmin(TenantScopedAdmin):
    """A form that may leave away what has a default, and that says after saving what is odd."""

    conditional_fields = {"cascade_threshold": CASCADE, "cascade_target": CASCADE}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name in WITH_DEFAULTS and field is not None:
            field.required = False
        return field

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        row = self.model.objects.get(pk=form.instance.pk)
        for text in routing_checks.oddities_of(row):
            self.message_user(request, text, messages.WARNING)
