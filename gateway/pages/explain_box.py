"""The box that tells where a request would go: on the rules' page, and at an address of its own. It calls nobody and changes nothing."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from gateway import routing_checks
from gateway.admin.explain_form import ANYBODY, ExplainForm, explanation, shown
from gateway.errors import GatewayError
from gateway.models import Model, Task
from gateway.pipeline import router
from gateway.routing import oddities
from gateway.types import Key, Snapshot
from tenants import visits
from tenants.admin.plain_forms import PlainForm
from tenants.models import ApiKey, Tenant
from tenants.sites import console

RARE = ("input_tokens", "tier", "tags", "metadata", "budget_share", "key", "at")


class BoxForm(PlainForm, ExplainForm):
    """For the console's tenant. With a key: what it may use, and its own budgets, count as well."""

    key = forms.ChoiceField(label=gettext_lazy("API key"), required=False)

    def __init__(self, data: Any = None, *, tenant: Tenant, asked: str = "") -> None:
        super().__init__(data, tenants=Tenant.objects.none(), initial={"asked": asked})
        del self.fields["tenant"]
        fields: Any = self.fields
        keys = ApiKey.objects.filter(tenant=tenant, revoked_at=None).order_by("name")
        fields["key"].choices = [("", _("any")), *((str(key.pk), str(key)) for key in keys)]
        fields["needs"].widget = forms.CheckboxSelectMultiple(choices=fields["needs"].choices)
        for name, field in self.fields.items():
            if name != "needs":
                field.widget.attrs["class"] = "tg-input"
        fields["asked"].widget.attrs["placeholder"] = "task/…"
        fields["tags"].widget.attrs["placeholder"] = "batch"
        fields["metadata"].widget.attrs["placeholder"] = "plan = pro"
        fields["budget_share"].widget.attrs["placeholder"] = _("as now")

    def rare(self) -> list[forms.BoundField]:
        return [self[name] for name in RARE]

    def chosen_key(self, snapshot: Snapshot) -> Key:
        wanted = self.cleaned_data["key"]
        return next((key for key in snapshot.keys.values() if str(key.id) == wanted), ANYBODY)


@console.page("gateway/routingrule/explain/", name="gateway_routingrule_explain", subject="rules")
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def explain(request: HttpRequest) -> HttpResponse:
    """GET shows the box alone; POST answers, with the part alone if htmx asks."""
    tenant = visits.of(request).tenant
    form = box(request)
    answer = answered(form, tenant) if request.method == "POST" else None
    context = {"title": _("Explain a request"), "explain": form, "answer": answer, "names": names()}
    is_part = request.headers.get("HX-Request") == "true"
    return console.render(request, "gateway/rules/answer.html" if is_part else "gateway/rules/explain.html", context)


def box(request: HttpRequest) -> BoxForm:
    """As it was sent, or empty but for `?asked=`."""
    data = request.POST if request.method == "POST" else None
    return BoxForm(data, tenant=visits.of(request).tenant, asked=request.GET.get("asked", ""))


def answered(form: BoxForm, tenant: Tenant) -> dict[str, Any] | None:
    """The explanation in sentences; None, and the form has the errors, for what could not be asked."""
    if not form.is_valid():
        return None
    snapshot = routing_checks.in_force(tenant)
    try:
        found = explanation(form, snapshot, form.chosen_key(snapshot))
    except GatewayError as error:
        form.add_error("content" if error.param != "model" else "asked", error.message)
        return None
    # What is odd about rules stands beside them.
    odd = [item.text for item in oddities.of(snapshot) if not item.rule_id and item.task in ("", found.facts.task)]
    return {**shown(found), "warnings": odd}


def names() -> list[str]:
    """The tasks and models that may be asked for, to be offered as one types."""
    tasks = Task.objects.filter(is_active=True).order_by("slug").values_list("slug", flat=True).distinct()
    models = Model.objects.filter(is_active=True).order_by("name").values_list("name", flat=True).distinct()
    return [*(f"{router.TASK_PREFIX}{slug}" for slug in tasks), *models]
