"""Stored prompts and answers in the console: whether there are any, one request's to read, and having them deleted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from gateway import content_policies
from gateway.content import erasing, reading, redaction
from gateway.models import ContentPolicy, RequestContent
from tenants import audit, visits
from tenants.admin.plain_forms import PlainForm
from tenants.sites import console

KINDS = {
    redaction.SECRET: gettext_lazy("secrets"),
    redaction.EMAIL: gettext_lazy("e-mail addresses"),
    redaction.IBAN: gettext_lazy("IBANs"),
    redaction.CARD: gettext_lazy("card numbers"),
    redaction.IP: gettext_lazy("IP addresses"),
    redaction.PHONE: gettext_lazy("phone numbers"),
}


class PolicyForm(PlainForm, forms.ModelForm):  # type: ignore[type-arg]  # not to be subscripted at run time
    class Meta:
        model = ContentPolicy
        fields = ("is_on", "redacts", "tasks", "days")
        labels = {
            "is_on": gettext_lazy("Store prompts and answers"),
            "redacts": gettext_lazy("Leave personal data and secrets out"),
            "tasks": gettext_lazy("Only of these tasks"),
            "days": gettext_lazy("Delete them after (days)"),
        }

    def __init__(self, data: Any = None, *, instance: ContentPolicy) -> None:
        super().__init__(data, instance=instance)
        fields: Any = self.fields
        for name in ("tasks", "days"):
            fields[name].widget.attrs["class"] = "tg-input"
        fields["tasks"].widget.attrs["placeholder"] = "chat-support, summarise"


class EraseForm(PlainForm, forms.Form):
    end_user = forms.CharField(
        label=gettext_lazy("End user"),
        max_length=200,
        help_text=gettext_lazy("Exactly as the application sends it."),
        widget=forms.TextInput(attrs={"class": "tg-input", "autocomplete": "off"}),
    )


@console.page("content/", name="content", subject="content")
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    visit = visits.of(request)
    may_change = visit.may("change", "content")
    if request.method == "POST" and not may_change:
        raise PermissionDenied
    form = PolicyForm(request.POST if request.method == "POST" else None, instance=content_policies.of(visit.tenant))
    if request.method == "POST" and form.is_valid():
        try:
            content_policies.save(form.instance)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            said = _("Saved. Prompts and answers are stored from the next request on.")
            messages.success(request, said if form.instance.is_on else _("Saved. Nothing more is stored."))
            return HttpResponseRedirect(reverse("console:content"))
    return _page(request, form, EraseForm())


@console.page("content/delete/", name="content_delete", subject="content", action="delete")
@require_http_methods(["GET", "POST"])
@never_cache
def delete(request: HttpRequest) -> HttpResponse:
    """Of one end user, or (`everybody`) all there is: GET asks, POST deletes."""
    tenant = visits.of(request).tenant
    data = request.POST if request.method == "POST" else request.GET
    form = EraseForm(data)
    is_everybody = data.get("everybody") == "1"
    if not is_everybody and not form.is_valid():
        return _page(request, PolicyForm(instance=content_policies.of(tenant)), form)
    end_user = "" if is_everybody else form.cleaned_data["end_user"]
    if request.method == "POST":
        count = erasing.forget(tenant, end_user, timezone.now())
        said = ngettext("Deleted: the content of %(n)s request.", "Deleted: the content of %(n)s requests.", count)
        messages.success(request, said % {"n": intcomma(count)})
        return HttpResponseRedirect(reverse("console:content"))
    rows = RequestContent.objects.filter(tenant=tenant)
    count = (rows.filter(end_user=end_user) if end_user else rows).count()
    asked = ngettext(
        "Delete the prompt and answer of %(n)s request of %(who)s?",
        "Delete the prompts and answers of %(n)s requests of %(who)s?",
        count,
    )
    question = asked % {"n": intcomma(count), "who": f"“{end_user}”" if end_user else _("everybody")}
    context = {
        "title": _("Stored content"),
        "question": f"{question} {_('The requests stay in the log without them. This cannot be undone.')}",
        "label": _("Delete"),
        "cancel_url": reverse("console:content"),
        "hidden": {"end_user": end_user} if end_user else {"everybody": "1"},
    }
    return console.render(request, "console/ask.html", context)


@console.page("gateway/requestlog/<uuid:request_id>/content/", name="gateway_requestlog_content", subject="content")
@require_POST
@never_cache
def read(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """One request's prompt and answer: the part of its page that htmx asked for, or a page. That somebody looked is in the audit trail."""
    found = reading.of(visits.of(request).tenant.pk, request_id)
    if found is None:
        raise Http404
    audit.note(found.row, read="prompt and answer")
    told = [f"{count:,} {KINDS.get(kind, kind)}" for kind, count in sorted(found.row.redactions.items())]
    is_part = request.headers.get("HX-Request") == "true"
    context = {
        "title": _("Prompt and answer"),
        "found": found,
        "redacted": ", ".join(told),
        "request_link": reverse("console:gateway_requestlog_change", args=[request_id]),
    }
    template = "admin/gateway/requestlog/content_open.html" if is_part else "gateway/content/read.html"
    return console.render(request, template, context)


def _page(request: HttpRequest, form: PolicyForm, erase: EraseForm) -> HttpResponse:
    visit = visits.of(request)
    stored = RequestContent.objects.filter(tenant=visit.tenant)
    context = {
        "title": _("Stored content"),
        "form": form,
        "erase": erase,
        "is_open": visit.may("change", "content"),
        "may_delete": visit.may("delete", "content"),
        "stored": stored.count(),
        "oldest": reading.oldest(visit.tenant.pk),
    }
    return console.render(request, "gateway/content/page.html", context)
