"""What the tenant is alerted of besides budgets, from when on, and when it wants quiet. A tenant that has set nothing has the defaults."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from rest_framework import serializers

from billing import alert_settings
from billing.alert_settings import Values
from billing.models import AlertSettings, Severity
from billing.models.alert_settings import LONGEST_MS
from tenants.management_api.fields import Row
from tenants.management_api.views import One


class SettingsRow(Row):
    off_kinds = serializers.ListField(
        child=serializers.ChoiceField([(kind.value, kind.label) for kind in alert_settings.WATCHED]),
        help_text="Kinds of alerts that nobody is to watch for.",
    )
    task_p95_ms = serializers.DictField(
        child=serializers.IntegerField(min_value=1, max_value=LONGEST_MS),
        help_text="Targets of tasks that have their own, by the task's slug. Sent, it replaces all of them.",
    )
    quiet_severity = serializers.ChoiceField(
        Severity.choices, allow_blank=True, help_text="As bad as this is told even then. Empty: nothing is."
    )

    class Meta:
        model = AlertSettings
        fields = [item.name for item in fields(Values)]

    def values(self) -> Values:
        """What was sent, over what there is."""
        return Values(**{**{name: getattr(self.instance, name) for name in self.Meta.fields}, **self.validated_data})


class Settings(One):
    """In percent, milliseconds and USD an hour; quiet hours are in the tenant's time zone."""

    subject = "alerts"
    model = AlertSettings
    serializer_class = SettingsRow

    def one(self) -> AlertSettings:
        return alert_settings.of(self.visit.tenant.pk)

    def change(self, row: AlertSettings, body: Any) -> None:
        alert_settings.change(self.visit.tenant, body.values())
