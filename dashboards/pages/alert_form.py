"""The form of what a tenant is alerted of. A line is a sentence with its figure in it; times are in seconds, shares in percent."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from billing.alert_settings import WATCHED, Values
from billing.models import AlertSettings, Severity

THROUGH = (
    (Severity.CRITICAL, _("what is critical")),
    (Severity.WARNING, _("warnings and what is critical")),
    ("", _("nothing")),
)
THOUSAND = 1000


def _percent(label: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, min_value=Decimal("0.01"), max_value=Decimal("99.99"), max_digits=5, decimal_places=2
    )


def _seconds(label: Any, *, is_required: bool = True) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, min_value=Decimal("0.001"), max_value=3600, decimal_places=3, required=is_required
    )


class AlertSettingsForm(forms.Form):
    p95_seconds = _seconds(_("Target of the 95th percentile, seconds"))
    error_percent = _percent(_("Limit of errors, percent"))
    hit_percent = _percent(_("Least hit rate, percent"))
    quality_points = _percent(_("Fall of thumbs up, percentage points"))
    spend_least_usd = forms.DecimalField(
        label=_("Least excess an hour, USD"), min_value=Decimal("0.01"), max_digits=12, decimal_places=2
    )
    quiet_from = forms.TimeField(label=_("Quiet from"), required=False)
    quiet_until = forms.TimeField(label=_("Quiet until"), required=False)
    quiet_severity = forms.ChoiceField(label=_("Sent even then"), choices=THROUGH, required=False)

    def __init__(self, data: Any = None, *, settings: AlertSettings, tasks: Iterable[str], may_change: bool) -> None:
        """`tasks`: those that there are; those that have a target and are gone are shown as well."""
        targets: dict[str, int] = settings.task_p95_ms
        self.tasks = sorted({*tasks, *targets})
        super().__init__(data, initial=_initial(settings))
        for kind in WATCHED:
            self.fields[f"watch_{kind}"] = forms.BooleanField(label=kind.label, required=False)
        for place, task in enumerate(self.tasks):
            self.fields[f"task_{place}"] = _seconds(task, is_required=False)
            self.initial[f"task_{place}"] = _plain(Decimal(targets[task]) / THOUSAND) if task in targets else None
        for name, field in self.fields.items():
            if isinstance(field, forms.BooleanField):
                continue
            field.widget.attrs |= {"class": "tg-input", "aria-label": field.label}
            if isinstance(field, forms.DecimalField):
                field.widget.attrs |= {"step": "any", "inputmode": "decimal"}
            if isinstance(field, forms.TimeField):
                field.widget = forms.TimeInput({**field.widget.attrs, "type": "time"}, format="%H:%M")
            if name.startswith("task_"):
                field.widget.attrs |= {"placeholder": "–"}
        if not may_change:
            for field in self.fields.values():
                field.disabled = True

    @property
    def task_fields(self) -> list[tuple[str, Any]]:
        return [(task, self[f"task_{place}"]) for place, task in enumerate(self.tasks)]

    @property
    def own_targets(self) -> int:
        """How many tasks have one."""
        return sum(bool(field.value()) for _task, field in self.task_fields)

    def values(self) -> Values:
        given = self.cleaned_data
        own = {task: given[f"task_{place}"] for place, task in enumerate(self.tasks)}
        return Values(
            off_kinds=tuple(kind for kind in WATCHED if not given[f"watch_{kind}"]),
            p95_target_ms=int(given["p95_seconds"] * THOUSAND),
            task_p95_ms={task: int(seconds * THOUSAND) for task, seconds in own.items() if seconds is not None},
            error_percent=given["error_percent"],
            hit_percent=given["hit_percent"],
            quality_points=given["quality_points"],
            spend_least_usd=given["spend_least_usd"],
            quiet_from=given["quiet_from"],
            quiet_until=given["quiet_until"],
            quiet_severity=given["quiet_severity"],
        )

    def refuse(self, error: ValidationError) -> None:
        for name, said in error.error_dict.items() if hasattr(error, "error_dict") else [("", [error])]:
            self.add_error(name if name in self.fields else None, said)


def _initial(settings: AlertSettings) -> dict[str, Any]:
    same = ("error_percent", "hit_percent", "quality_points", "spend_least_usd")
    return {
        **{name: _plain(getattr(settings, name)) for name in same},
        **{name: getattr(settings, name) for name in ("quiet_from", "quiet_until", "quiet_severity")},
        **{f"watch_{kind}": kind not in settings.off_kinds for kind in WATCHED},
        "p95_seconds": _plain(Decimal(settings.p95_target_ms) / THOUSAND),
    }


def _plain(number: Decimal) -> str:
    """Without zeros behind."""
    return f"{number.normalize():f}"
