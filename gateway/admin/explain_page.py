"""The operators' page that explains where a request would go. It calls nobody and changes nothing."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from gateway import routing_checks
from gateway.admin.explain_form import ExplainForm, explanation, shown
from gateway.errors import GatewayError
from gateway.models import Model, Task
from gateway.pipeline import router
from tenants.models import Tenant


def respond(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """The form; with what was asked, and the answer below it, once it has been sent."""
    tenants = Tenant.objects.order_by("name")  # in a console there is one
    if not tenants:
        raise PermissionDenied
    form = ExplainForm(request.POST or None, tenants=tenants, initial={"tenant": tenants[0].pk})
    answer: dict[str, Any] | None = None
    if request.method == "POST" and form.is_valid():
        try:
            answer = shown(explanation(form, routing_checks.in_force(form.cleaned_data["tenant"])))
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
