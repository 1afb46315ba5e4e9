"""What is asked about an API key."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from gateway import key_checks
from gateway.admin.fields import SeveralOf
from tenants import api_keys
from tenants.admin.base import WholeRowForm
from tenants.admin.picker import Picked
from tenants.admin.plain_forms import PlainForm
from tenants.models import ApiKey

Scope = ApiKey.Scope
IN_SHORT = {
    Scope.CHAT: _("Chat"),
    Scope.EMBEDDINGS: _("Embeddings"),
    Scope.MODELS: _("List models"),
    Scope.USAGE: _("Read usage"),
}
IN_WORDS = {
    Scope.CHAT: _("Chat: send prompts and get answers"),
    Scope.EMBEDDINGS: _("Embeddings: turn texts into vectors"),
    Scope.MODELS: _("List models: see which models and tasks it may use"),
    Scope.USAGE: _("Read usage: what the whole tenant used, by key, end user, task and model"),
}
USUAL_SCOPES = [Scope.CHAT, Scope.EMBEDDINGS, Scope.MODELS]
OVERLAPS = {
    "0": _("Not at all: it has leaked, refuse it at once"),
    "1": _("One hour"),
    "24": _("24 hours"),
    "168": _("7 days"),
    "720": _("30 days"),
}


class ApiKeyForm(WholeRowForm):
    scopes = SeveralOf(Scope, field=ApiKey._meta.get_field("scopes"), initial=USUAL_SCOPES)

    class Meta:
        model = ApiKey
        fields = [
            "tenant",
            "name",
            "scopes",
            "allowed_models",
            "allowed_tasks",
            "usd_per_month",
            "tokens_per_month",
            "requests_per_minute",
            "tokens_per_minute",
            "max_concurrency",
            "expires_at",
        ]
        field_classes = {"allowed_models": SimpleArrayField, "allowed_tasks": SimpleArrayField}
        widgets = {"allowed_models": UnfoldAdminTextInputWidget, "allowed_tasks": UnfoldAdminTextInputWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "scopes" in self.fields:
            self.fields["scopes"].choices = [(scope.value, text) for scope, text in IN_WORDS.items()]  # type: ignore[attr-defined]
        tenant_id = self.instance.tenant_id
        if tenant_id is not None and "allowed_models" in self.fields:  # else it is being chosen in this very form
            self.fields["allowed_models"] = Picked(
                label=_("Models"),
                offered=key_checks.models_of(tenant_id),
                chosen=self.instance.allowed_models,
                all_label=_("All, also those added later"),
            )
            self.fields["allowed_tasks"] = Picked(
                label=_("Tasks"),
                offered=key_checks.tasks_of(tenant_id),
                chosen=self.instance.allowed_tasks,
                all_label=_("All, also those added later"),
            )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        tenant_id = self.instance.tenant_id or getattr(cleaned.get("tenant"), "pk", None)
        if tenant_id is not None:
            models, tasks = self._new("allowed_models"), self._new("allowed_tasks", prefix="task/")
            self._refuse("allowed_models", key_checks.unknown_models(tenant_id, models))
            self._refuse("allowed_tasks", key_checks.unknown_tasks(tenant_id, tasks))
        if "expires_at" in self.changed_data:
            why = key_checks.past_expiry(cleaned.get("expires_at"), timezone.now())
            self._refuse("expires_at", [why] if why else [])
        return cleaned

    def _new(self, field: str, *, prefix: str = "") -> list[str]:
        """The names once each, those that the key had already left out: they may be gone since."""
        if field not in self.cleaned_data:
            return []
        asked = [name.strip().removeprefix(prefix) for name in self.cleaned_data[field] if name.strip()]
        self.cleaned_data[field] = asked = list(dict.fromkeys(asked))
        return [name for name in asked if name not in (self.initial.get(field) or [])]

    def _refuse(self, field: str, texts: list[str]) -> None:
        for text in texts:
            self.add_error(field, ValidationError(text))


class FirstKeyForm(PlainForm, forms.ModelForm):
    """A tenant's first key needs a name; it may what keys usually may."""

    class Meta:
        model = ApiKey
        fields = ["name"]
        labels = {"name": _("What will call with it?")}
        help_texts = {"name": _("A name by which you find it again, such as “support bot, production”.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.scopes = list(USUAL_SCOPES)
        self.initial.setdefault("name", gettext("My first key"))


class RotateForm(PlainForm, forms.Form):
    """For how long the present secret is still accepted. `seen` is the secret's beginning, so that a form sent twice rotates once."""

    overlap = forms.ChoiceField(
        label=_("How long shall the present secret go on working?"),
        choices=list(OVERLAPS.items()),
        initial=str(int(api_keys.DEFAULT_OVERLAP.total_seconds() // 3600)),
        widget=forms.RadioSelect,
    )
    seen = forms.CharField(widget=forms.HiddenInput)

    def overlap_chosen(self) -> dt.timedelta:
        return dt.timedelta(hours=int(self.cleaned_data["overlap"]))
