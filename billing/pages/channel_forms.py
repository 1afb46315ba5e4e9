"""The form of an alert channel."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from billing.alert_channels import Values
from billing.models import Alert, AlertChannel, Severity
from tenants.admin.plain_forms import put_beside

Kind = AlertChannel.Kind
KINDS = (
    (Kind.EMAIL, _("E-mail")),
    (Kind.WEBHOOK, _("Webhook, signed")),
    (Kind.SLACK, _("Slack, or what takes its webhooks (Mattermost, Rocket.Chat, Discord)")),
)


class ChannelForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("As you call it, such as “On call”."))
    kind = forms.ChoiceField(label=_("How"), choices=KINDS, initial=Kind.EMAIL, widget=forms.RadioSelect)
    target = forms.CharField(
        label=_("Where to"), max_length=500, help_text=_("An e-mail address, or the https:// address of the webhook.")
    )
    minimum_threshold = forms.IntegerField(
        label=_("Budgets: from"),
        min_value=1,
        max_value=100,
        initial=1,
        help_text=_("% of a budget. 1: every alert that budgets set; 100: only what is used up."),
    )
    minimum_severity = forms.ChoiceField(
        label=_("Everything else: from"), choices=Severity.choices, initial=Severity.INFO
    )
    kinds = forms.MultipleChoiceField(
        label=_("What it is told of"),
        choices=Alert.Kind.choices,
        initial=Alert.Kind.values,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose something, or switch the channel off.")},
    )
    is_active = forms.BooleanField(label=_("Switched on"), required=False, initial=True)

    def __init__(self, data: Any = None, *, channel: AlertChannel | None = None) -> None:
        fields = ("name", "kind", "target", "minimum_threshold", "minimum_severity", "is_active")
        start = {name: getattr(channel, name) for name in fields} if channel is not None else None
        if start is not None and channel is not None:
            start["kinds"] = [kind for kind in Alert.Kind.values if kind not in channel.muted_kinds]
        super().__init__(data, initial=start)
        for field in self.fields.values():
            if not isinstance(field.widget, forms.RadioSelect | forms.CheckboxSelectMultiple):
                field.widget.attrs |= {"class": "tg-input"}

    def values(self) -> Values:
        given = dict(self.cleaned_data)
        wanted = given.pop("kinds")
        return Values(**given, muted_kinds=[kind for kind in Alert.Kind.values if kind not in wanted])

    def refuse(self, error: ValidationError) -> None:
        put_beside(self, error)
