"""Connecting a provider, and trying a connection out: forms and pages. Whether it works is `gateway.probes`' to say."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import display
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from gateway import connections, probe_words, probes
from gateway.models import Provider
from gateway.probe_words import Explained
from gateway.probes import Fault, Report
from tenants import visits
from tenants.admin import times
from tenants.admin.badges import badge
from tenants.admin.base import TenantScopedAdmin
from tenants.admin.plain_forms import PlainForm
from tenants.encryption import UndecryptableError

OUTCOME = "admin/gateway/provider/outcome.html"
KINDS = {
    Provider.Kind.ANTHROPIC: _("Claude, straight from Anthropic"),
    Provider.Kind.OPENAI: _("GPT, straight from OpenAI"),
    Provider.Kind.OPENAI_COMPATIBLE: _("Any server that speaks OpenAI's format: vLLM, Ollama, Groq, Azure …"),
}
NAMES = {
    Provider.Kind.ANTHROPIC: "anthropic",
    Provider.Kind.OPENAI: "openai",
    Provider.Kind.OPENAI_COMPATIBLE: "server",
}


class ConnectForm(PlainForm, forms.ModelForm):
    """A new connection of a tenant's. `key` is the credential, which no answer repeats."""

    key = forms.CharField(
        label=_("API key"),
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
        help_text=_("Encrypted at rest, and never shown again."),
    )

    class Meta:
        model = Provider
        fields = ["kind", "name", "base_url"]
        widgets = {
            "kind": forms.RadioSelect,
            "base_url": forms.URLInput(attrs={"placeholder": "https://llm.example.com/v1", "inputmode": "url"}),
        }

    def __init__(self, *args: Any, tenant: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.tenant = tenant
        self.fields["kind"].label = _("Who is it?")
        self.fields["kind"].choices = [(kind.value, kind.label) for kind in Provider.Kind]  # type: ignore[attr-defined]
        self.fields["name"].help_text = _("Yours to choose: it stands in the request log and in reports.")
        self.fields["base_url"].help_text = _("What the provider's own SDK takes as base URL.")
        self.taken = set(Provider.objects.filter(tenant=tenant).values_list("name", flat=True))
        self.suggested = {kind.value: self._free(name) for kind, name in NAMES.items()}
        if not self.is_bound:
            kind = self.initial.get("kind")
            self.initial["kind"] = kind if kind in self.suggested else Provider.Kind.ANTHROPIC.value
            self.initial["name"] = self.suggested[self.initial["kind"]]

    def _free(self, name: str) -> str:
        return next(
            item for number in range(1, 1000) if (item := f"{name}-{number}" if number > 1 else name) not in self.taken
        )

    def _get_validation_exclusions(self) -> set[str]:
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return excluded - {"tenant"}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        self.instance.credential = cleaned.get("key", "")
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if not self.errors:
            try:
                connections.check_address(self.instance)
            except ValidationError as error:
                self.add_error(None, error)

    def add_error(self, field: str | None, error: Any) -> None:
        """What the row says about its credential stands beside the input it was entered in, and that its name is taken beside the name."""
        by_field = getattr(error, "error_dict", None) or {}
        for said, shown in (("credential", "key"), ("__all__", "name")):
            if said in by_field:
                by_field.setdefault(shown, []).extend(by_field.pop(said))
        super().add_error(field, error)


class ConnectionPages(TenantScopedAdmin):
    """What the providers' admin has of connecting and testing."""

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("connect/", wrap(self.connect_view), name="gateway_provider_connect"),
            path("<path:object_id>/test/", wrap(self.test_view), name="gateway_provider_test"),
            *super().get_urls(),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """In a console one connects, which tries the connection out first."""
        if request.method == "GET" and visits.found(request) is not None and self.has_add_permission(request):
            return HttpResponseRedirect(reverse("admin:gateway_provider_connect"))
        response: HttpResponse = super().add_view(request, form_url, extra_context)
        return response

    @method_decorator([never_cache, sensitive_post_parameters("key")])
    def connect_view(self, request: HttpRequest) -> HttpResponse:
        """GET asks; POST tries out and saves what works, or, if it says `anyway`, what does not."""
        visit = visits.found(request)
        if visit is None:
            raise Http404
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ConnectForm(request.POST or None, tenant=visit.tenant, initial={"kind": request.GET.get("kind")})
        if request.method != "POST":
            return self._connect_page(request, form)
        if not form.is_valid():
            return self._connect_page(request, form)
        report = probes.probe(connections.upstream(form.instance), model=request.POST.get("model", "").strip())
        if report.fault is not None and not request.POST.get("anyway"):
            return self._connect_page(request, form, report)
        connections.add(form.instance)
        connections.remember(form.instance, report)
        return go_to(request, self._models_url(request, form.instance))

    def _models_url(self, request: HttpRequest, provider: Provider) -> str:
        came_from = "?from=setup" if request.POST.get("from") == "setup" else ""
        return reverse("admin:gateway_provider_models", args=[provider.pk]) + came_from

    def _connect_page(self, request: HttpRequest, form: ConnectForm, report: Report | None = None) -> HttpResponse:
        context: dict[str, Any] = {
            "form": form,
            "explained": _explained(form.instance, report),
            "may_save": report is not None,
        }
        if request.headers.get("HX-Request"):
            return TemplateResponse(request, "admin/gateway/provider/connect_answer.html", context)
        came_from = request.POST.get("from") or request.GET.get("from") or ""
        kinds = [(kind, label, KINDS[Provider.Kind(kind)]) for kind, label in Provider.Kind.choices]
        context |= {
            **self.admin_site.each_context(request),
            "title": _("Connect a provider"),
            "kinds": kinds,
            "suggested": form.suggested,
            "key_pages": {kind.value: url for kind, url in probe_words.CONSOLES.items()},
            "came_from": came_from,
            "cancel_url": reverse("console:setup" if came_from == "setup" else "admin:gateway_provider_changelist"),
        }
        return TemplateResponse(request, "admin/gateway/provider/connect.html", context)

    def test_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Try a stored connection out. Within the page the answer is a part of it."""
        provider = self.get_object(request, unquote(object_id))
        if not self.has_change_permission(request, provider):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        report, explained = self._tested(provider, request.POST.get("model", "").strip())
        if request.headers.get("HX-Request"):
            context = {"explained": explained, "report": report, "connection": self.connection(provider)}
            return TemplateResponse(request, OUTCOME, context)
        if explained is None:
            self.message_user(request, _("The connection works."), messages.SUCCESS)
        else:
            self.message_user(request, f"{explained.title} {explained.advice}", messages.ERROR)
        return HttpResponseRedirect(reverse("admin:gateway_provider_change", args=[provider.pk]))

    @display(description=_("Connection"), ordering="tested_at")
    def connection(self, provider: Provider) -> str:
        """What its last test found."""
        if provider.tested_at is None:
            return badge(_("Not tested"))
        fault = provider.test_fault
        state = badge(probe_words.SHORT[Fault(fault)], "danger") if fault else badge(_("Works"), "success")
        return format_html('<span class="tg-two">{}<small>{}</small></span>', state, times.ago(provider.tested_at))

    def _tested(self, provider: Provider, model: str) -> tuple[Report | None, Explained | None]:
        try:
            report = connections.try_out(provider, model=model)
        except UndecryptableError:
            return None, Explained(
                str(_("The stored key cannot be read any more.")),
                str(_("Enter it again, then test.")),
                probe_words.CREDENTIAL,
            )
        return report, _explained(provider, report)


def _explained(provider: Provider, report: Report | None) -> Explained | None:
    if report is None:
        return None
    return probe_words.explained(report, kind=provider.kind, base_url=provider.effective_base_url)


def go_to(request: HttpRequest, url: str) -> HttpResponse:
    """On to another page, also for a request that htmx made."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
