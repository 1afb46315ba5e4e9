"""The page that explains where a request would go: a small form, and the answer in sentences. It calls nobody and changes nothing."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import msgspec
from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
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
from gateway import routing_checks, types
from gateway.admin.fields import Pairs, Words
from gateway.errors import GatewayError
from gateway.models import Model, RoutingRule, Task
from gateway.pipeline import router, signals, validator
from gateway.routing import conditions
from gateway.routing.costs import dollars
from gateway.routing.explain import Explanation, explain, told
from gateway.types import Endpoint, Health, Key, Labels, Request, Signals, Snapshot
from tenants.models import Tenant

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
        help_text=gettext_lazy("Of every budget that rules ask about."),
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
        marks = conditions.budget_marks(snapshot) if share is not None else {}
        return Signals(
            at=time.time() if at is None else at.replace(tzinfo=snapshot.clock.zone).timestamp(),
            tier=given["tier"].strip(),
            input_tokens=signals.input_tokens(request) if given["input_tokens"] is None else given["input_tokens"],
            conversation=signals.conversation(request, ""),
            health=unknown_health,
            budget_shares=dict.fromkeys(marks, share),
        )


def unknown_health(model: types.Model) -> Health:
    """This process calls nobody; the page of the circuit breakers shows them."""
    return Health()


def respond(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """The form; with what was asked, and the answer below it, once it has been sent."""
    tenants = Tenant.objects.order_by("name")  # in a console there is one
    if not tenants:
        raise PermissionDenied
    form = ExplainForm(request.POST or None, tenants=tenants, initial={"tenant": tenants[0].pk})
    answer: dict[str, Any] | None = None
    if request.method == "POST" and form.is_valid():
        try:
            answer = _shown(_explanation(form, routing_checks.in_force(form.cleaned_data["tenant"])))
        except GatewayError as error:
            form.add_error("content" if error.param != "model" else "asked", error.message)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Explain a request"),
        "opts": model_admin.opts,
        "form": form,
        "media": model_admin.media + form.media,
        "names": _names(request, model_admin),
        "only_tenant": tenants[0] if len(tenants) == 1 else None,
        "answer": answer,
    }
    return TemplateResponse(request, "admin/gateway/routingrule/explain.html", context)


def _names(request: HttpRequest, model_admin: Any) -> list[str]:
    """The tasks and models that the person may see, to be offered as they type."""
    pages = model_admin.admin_site._registry
    tasks = pages[Task].get_queryset(request).order_by("slug").values_list("slug", flat=True).distinct()
    models = pages[Model].get_queryset(request).order_by("name").values_list("name", flat=True).distinct()
    return [*(f"{router.TASK_PREFIX}{slug}" for slug in tasks), *models]


def _explanation(form: ExplainForm, snapshot: Snapshot) -> Explanation:
    asked = form.request()
    known = form.signals(asked, snapshot)
    decision, refusal = None, None
    try:
        decision = router.decide(asked, snapshot, ANYBODY, known)
    except GatewayError as error:
        refusal = error
    return explain(snapshot, router.facts_of(asked, known), decision, refusal, is_stream=asked.is_stream)


def _shown(found: Explanation) -> dict[str, Any]:
    """Sentences, ready to be read."""
    plan, known = found.plan, found.facts.signals
    extras = []
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
