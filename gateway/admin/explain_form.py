"""The form that describes a request to be explained, and the explanation, made in sentences: for operators, and in consoles.

Nobody is called and nothing is counted; budgets are looked up as they stand, or supposed to stand at a share.
"""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import msgspec
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from billing.limits import Pace
from gateway import explaining, standings, types
from gateway.admin.fields import Pairs, Words
from gateway.models import RoutingRule
from gateway.pipeline import signals, validator
from gateway.routing import conditions
from gateway.routing.costs import dollars
from gateway.routing.explain import Explanation, told
from gateway.standings import Falls, Standing
from gateway.types import Endpoint, Health, Key, Labels, Request, Signals, Snapshot
from tenants.models import EndUser, Tenant
from tenants.tiers import DEFAULT_TIER

SOMEBODY = "…"  # an end user of whom only the tier is told
ANYBODY = Key(
    id=UUID(int=0), scopes=frozenset({"chat"}), allowed_models=frozenset(), allowed_tasks=frozenset(),
    expires_at=None, pace=Pace(), limits=(),
)  # fmt: skip


def _field(name: str) -> Any:
    return RoutingRule._meta.get_field(name)


class ExplainForm(forms.Form):
    tenant = forms.ModelChoiceField(Tenant.objects.none(), widget=UnfoldAdminSelect2Widget, empty_label=None)
    asked = forms.CharField(
        label=gettext_lazy("Task or model"),
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "task/summarise", "list": "names"}),
        help_text=gettext_lazy("As the application sends it. A whole body pasted below may name it, too."),
    )
    content = forms.CharField(
        label=gettext_lazy("Text or body"),
        required=False,
        max_length=1_000_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text=gettext_lazy("A text to be sent, or the whole JSON body of a request. It is not kept."),
    )
    input_tokens = forms.IntegerField(
        label=gettext_lazy("Input tokens"),
        required=False,
        min_value=0,
        max_value=100_000_000,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy("Instead of a text."),
    )
    tier = forms.CharField(
        label=gettext_lazy("End-user tier"),
        required=False,
        max_length=40,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "free"}),
        help_text=gettext_lazy("Empty: no end user is named."),
    )
    tags = Words(field=_field("tags"))
    metadata = Pairs(field=_field("metadata"))
    needs = forms.MultipleChoiceField(
        label=gettext_lazy("Needs"),
        required=False,
        choices=RoutingRule.Need.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    at = forms.DateTimeField(
        label=gettext_lazy("When"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("In the tenant's time zone. Empty: now."),
    )
    budget_share = forms.IntegerField(
        label=gettext_lazy("Budgets used (%)"),
        required=False,
        min_value=0,
        max_value=1000,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy("Suppose every budget stands there. Empty: as they stand now."),
    )

    def __init__(self, *args: Any, tenants: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["tenant"]
        field.queryset = tenants
        self.fields["tags"].help_text = self.fields["metadata"].help_text = ""

    def request(self) -> Request:
        """The request that is meant. Raises `GatewayError` for a body that would be refused."""
        given = self.cleaned_data
        content = given["content"].strip()
        body: dict[str, Any] = {}
        if content.startswith("{"):
            try:
                body = msgspec.json.decode(content)
            except msgspec.DecodeError:
                body = {}
        if "messages" not in body:
            body = {"messages": [{"role": "user", "content": content or "…"}]}
        if given["asked"]:
            body["model"] = given["asked"]
        if given["metadata"]:
            body["metadata"] = {**(body.get("metadata") or {}), **given["metadata"]}
        endpoint = Endpoint.MESSAGES if "system" in body and "max_tokens" in body else Endpoint.CHAT
        made = validator.validate(endpoint, msgspec.json.encode(body), {})
        needs = made.needs | set(given["needs"])
        labels = Labels(end_user=made.labels.end_user, tags=tuple(given["tags"]) or made.labels.tags)
        return msgspec.structs.replace(made, needs=needs, labels=labels, is_stream="streaming" in needs)

    def signals(self, request: Request, snapshot: Snapshot) -> Signals:
        given = self.cleaned_data
        at, share = given["at"], given["budget_share"]
        tier = given["tier"].strip() or _tier_of(snapshot, request.labels.end_user)
        marks = conditions.budget_marks(snapshot) if share is not None else {}
        return Signals(
            at=time.time() if at is None else at.replace(tzinfo=snapshot.clock.zone).timestamp(),
            tier=tier,
            input_tokens=signals.input_tokens(request) if given["input_tokens"] is None else given["input_tokens"],
            conversation=signals.conversation(request, ""),
            health=unknown_health,
            budget_shares=dict.fromkeys(marks, share),
        )

    def standings(self, falls: Falls, snapshot: Snapshot, key: Key, known: Signals) -> list[Standing]:
        """Of the budgets that apply: as they are, or as the form supposes."""
        if known.tier and not falls.end_user:
            falls = falls._replace(end_user=SOMEBODY)
        share = self.cleaned_data["budget_share"]
        if share is None:
            return standings.looked_up(snapshot, key, falls, known.tier, known.at)
        return standings.supposed(snapshot, key, falls, known.tier, known.at, percent=share)


def _tier_of(snapshot: Snapshot, end_user: str) -> str:
    if not end_user:
        return ""
    row = EndUser.objects.filter(tenant_id=snapshot.tenant_id, external_id=end_user).first()
    return row.tier if row is not None else DEFAULT_TIER


def unknown_health(model: types.Model) -> Health:
    """This process calls nobody; the page of the circuit breakers shows them."""
    return Health()


def explanation(form: ExplainForm, snapshot: Snapshot, key: Key = ANYBODY) -> Explanation:
    """Of what a valid form describes. Raises `GatewayError` for a body that would be refused."""
    asked = form.request()
    known = form.signals(asked, snapshot)
    steps = explaining.steps(asked, snapshot, key, known)
    try:
        falls = next(steps)
        while True:
            falls = steps.send(form.standings(falls, snapshot, key, known))
    except StopIteration as done:
        found: Explanation = done.value
        return found


def shown(found: Explanation) -> dict[str, Any]:
    """Sentences, ready to be read."""
    plan, known = found.plan, found.facts.signals
    extras = []
    if known.cheaper is not None:
        extras.append(
            _("The budget “%(budget)s” runs low, so a cheaper model is taken.") % {"budget": known.cheaper.budget}
        )
    if plan is not None and plan.first_byte_seconds is not None:
        extras.append(
            _("A model that sends nothing for %(seconds)g s is given up.") % {"seconds": plan.first_byte_seconds}
        )
    if plan is not None and plan.may_replay:
        extras.append(_("When all fail, an earlier answer to the same question is given."))
    if plan is not None and plan.escapes_refusals:
        extras.append(_("What one model refuses for its content policy, the next is asked."))
    basis = [
        _("about %(input)s input and %(output)s output tokens")
        % {"input": f"{known.input_tokens:,}", "output": f"{found.output_tokens:,}"},
        _("tier %(tier)s") % {"tier": known.tier} if known.tier else _("no end user"),
        f"{found.local_time:%a %Y-%m-%d %H:%M} ({found.local_time.tzinfo})",
    ]
    return {
        "headline": told(found),
        "refusal": found.refusal.message if found.refusal else "",
        "attempts": [
            {
                "model": item.attempt.model.name,
                "provider": item.attempt.model.provider.name,
                "cost": _("no price")
                if item.cost_nanousd is None
                else _("about %(usd)s") % {"usd": dollars(item.cost_nanousd)},
                "why": item.why,
            }
            for item in found.attempts
        ],
        "dropped": [{"model": item.model, "reason": item.reason} for item in found.dropped],
        "passed_over": [{"rule": item.rule.name, "because": item.because} for item in found.passed_over],
        "extras": extras,
        "basis": ", ".join(basis),
        "warnings": found.warnings,
    }
