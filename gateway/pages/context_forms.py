"""The form of a task's context policy, and the conversation on which it is tried."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from gateway.models import ContextPolicy
from gateway.pages.chain_field import choices, offered
from tenants.admin.plain_forms import PlainForm

LABELS = {
    "is_active": _("Trim this task's conversations"),
    "keep_messages": _("Keep at least so many of the latest messages"),
    "block_messages": _("Leave older ones out so many at a time"),
    "fits_budget": _("Shorten a conversation that is too long for one request, instead of refusing it"),
    "max_input_tokens": _("Most tokens of one request"),
    "relevant_turns": _("Bring back at most so many exchanges that resemble the question"),
    "least_similarity_percent": _("If they resemble it by at least (%)"),
    "embedding_wait_ms": _("Wait for the comparison at most (ms)"),
    "summarises": _("Put a summary in the place of what is left out"),
    "summary_model": _("Written by"),
    "summary_tokens": _("In at most (tokens)"),
    "collapses_whitespace": _("Make runs of spaces and of blank lines one"),
    "drops_repetition": _("Refer to a long paragraph that was there before instead of sending it again"),
}
HELP = {
    "is_active": _("Off, conversations go to the model as they come."),
    "keep_messages": _("Instructions stay anyway, and a tool call stays with its results. Empty: age is no reason."),
    "block_messages": _("In between, the beginning stays the same, for the provider's prompt cache. 1 saves most, and caches least."),
    "fits_budget": "",
    "max_input_tokens": _("By Tollgate's estimate. Empty: as many as your plan allows."),
    "relevant_turns": _("0: none. What comes back changes with each question, so less comes from the provider's prompt cache."),
    "least_similarity_percent": "",
    "embedding_wait_ms": _("If it is not ready by then, the request goes on without."),
    "summarises": _("Made in the background; no request waits for it. It counts towards the budgets of the request that needs it."),
    "summary_model": _("A cheap one will do."),
    "summary_tokens": "",
    "collapses_whitespace": _("Not in the user's last message, code, JSON or the arguments of tools."),
    "drops_repetition": "",
}  # fmt: skip
WITH_DEFAULTS = (
    "block_messages", "relevant_turns", "least_similarity_percent", "embedding_wait_ms", "summary_tokens",
)  # fmt: skip
MOST_CHARACTERS = 2_000_000


class ContextForm(PlainForm, forms.ModelForm):  # type: ignore[type-arg]  # not to be subscripted at run time
    conversation = forms.CharField(
        label=_("A conversation"),
        required=False,
        max_length=MOST_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 8, "placeholder": "User: …\n\nAssistant: …\n\nUser: …"}),
        help_text=_("The JSON body of a request, its messages, or lines that begin with “User:” and “Assistant:”. It is not kept."),
    )  # fmt: skip

    class Meta:
        model = ContextPolicy
        fields = tuple(LABELS)
        labels = LABELS
        help_texts = HELP

    def __init__(self, data: Any = None, *, instance: ContextPolicy, now: Any) -> None:
        super().__init__(data, instance=instance)
        fields: Any = self.fields
        present = [instance.summary_model] if instance.summary_model is not None else []
        models = [model for model in offered(present) if "chat" in model.capabilities or model in present]
        fields["summary_model"].queryset = fields["summary_model"].queryset.filter(pk__in=[row.pk for row in models])
        fields["summary_model"].choices = [("", _("choose a model…")), *choices(models, now)]
        for name, field in fields.items():
            if not isinstance(field.widget, forms.CheckboxInput):
                field.widget.attrs["class"] = "tg-input"
            if name in WITH_DEFAULTS:
                field.required = False

    def clean(self) -> dict[str, Any]:
        """What was left away has its default."""
        cleaned: dict[str, Any] = super().clean() or {}
        fresh = ContextPolicy(task_id=self.instance.task_id)
        for name in WITH_DEFAULTS:
            if cleaned.get(name) is None and not self.has_error(name):
                cleaned[name] = getattr(fresh, name)
        return cleaned
