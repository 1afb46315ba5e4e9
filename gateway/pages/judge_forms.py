"""The forms of judges: of one task's judge, and of what all of them may cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from gateway.models import JudgeBudget, JudgePolicy
from gateway.pages import offers
from tenants.admin.plain_forms import PlainForm


class JudgesForm(PlainForm, forms.ModelForm):  # type: ignore[type-arg]  # not to be subscripted at run time
    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        for field in self.fields.values():
            if not isinstance(field.widget, forms.CheckboxInput):
                field.widget.attrs["class"] = "tg-input"


class JudgeForm(JudgesForm):
    class Meta:
        model = JudgePolicy
        fields = ("is_active", "share_percent", "judge", "rubric", "teaches")
        labels = {
            "is_active": _("Judge a sample of these answers"),
            "share_percent": _("Of a hundred answers, judge"),
            "judge": _("Judged by"),
            "rubric": _("What makes an answer good, and what makes it bad"),
            "teaches": _("Let cascades learn from what was judged"),
        }
        help_texts = {
            "is_active": _("In the background; no request waits for it."),
            "share_percent": _("Always the same ones: a larger share has all of a smaller one, and more."),
            "judge": _("Best a model that does not answer this itself: models favour their own answers."),
            "rubric": _(
                "As you would tell a new colleague: what has to be in it, what must not, which mistakes are bad."
            ),
            "teaches": _(
                "Keeps prompt and answer among the labelled answers. Off, both are forgotten once they are judged."
            ),
        }
        widgets = {
            "rubric": forms.Textarea(
                attrs={
                    "rows": 7,
                    "placeholder": _(
                        "Answers the question that was asked, from our help pages only.\nNames the menu and the entry to click.\n"
                        "Bad: invents a feature, or is rude."
                    ),
                }
            )
        }

    def __init__(self, data: Any = None, *, instance: JudgePolicy) -> None:
        share = f"{Decimal(instance.share_percent).normalize():f}"
        super().__init__(data, instance=instance, initial={"share_percent": share})
        offered = offers.of(None)
        groups: list[tuple[Any, Any]] = [("", _("choose a model…"))]
        known = {item.name for item in (*offered.models, *offered.tasks)}
        if instance.judge and instance.judge not in known:
            groups.append((instance.judge, _("%(name)s (not there any more)") % {"name": instance.judge}))
        for label, items in ((_("Models"), offered.models), (_("Tasks"), offered.tasks)):
            if items:
                groups.append((label, [(item.name, f"{item.name} · {item.about}") for item in items]))
        self.fields["judge"] = forms.ChoiceField(
            label=self.fields["judge"].label,
            help_text=self.fields["judge"].help_text,
            choices=groups,
            widget=forms.Select(self.fields["judge"].widget.attrs),
        )


class JudgeBudgetForm(JudgesForm):
    class Meta:
        model = JudgeBudget
        fields = ("usd_per_day", "usd_per_month")
        labels = {"usd_per_day": _("Most a day (USD)"), "usd_per_month": _("Most a month (USD)")}
        help_texts = {"usd_per_day": "", "usd_per_month": ""}
