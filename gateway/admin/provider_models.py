"""Which of a provider's models applications may name: its list, with what is known of each, to choose from and to correct."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from gateway import catalog, known_models
from gateway.admin.chosen_models import ChosenModelForm
from gateway.admin.connecting import ConnectionPages, go_to
from gateway.admin.prices import in_short
from gateway.known_models import Proposal
from gateway.models import Model, Provider
from gateway.probes import Listed
from tenants import visits

FOLDER = "admin/gateway/provider"


@dataclass(frozen=True)
class Editor:
    """A chosen model's form, and what stands above it."""

    form: ChosenModelForm
    key: str
    price: str
    is_open: bool


@dataclass(frozen=True)
class Row:
    """A line of the list. All texts are ready. `editor` is there from the beginning where it is ticked."""

    upstream_id: str
    title: str
    key: str
    capabilities: str
    window: str
    price: str
    is_added: bool
    is_ticked: bool
    query: str
    editor: Editor | None


class ProviderModelPages(ConnectionPages):
    """What the providers' admin has of choosing models."""

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("<path:object_id>/models/", wrap(self.models_view), name="gateway_provider_models"),
            path("<path:object_id>/models/list/", wrap(self.list_view), name="gateway_provider_model_list"),
            path("<path:object_id>/models/editor/", wrap(self.editor_view), name="gateway_provider_model_editor"),
            *super().get_urls(),
        ]

    def _provider(self, request: HttpRequest, object_id: str) -> Provider:
        provider: Provider = self.get_object(request, unquote(object_id))
        if not self.has_change_permission(request, provider):
            raise PermissionDenied
        return provider

    def models_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET shows the page, which then asks for the list; POST adds what was chosen: all of it, or nothing."""
        provider = self._provider(request, object_id)
        came_from = request.POST.get("from") or request.GET.get("from") or ""
        if request.method != "POST":
            return self._models_page(request, provider, came_from, editors=[])
        chosen = list(dict.fromkeys(filter(None, (item.strip() for item in request.POST.getlist("chosen")))))
        forms_ = [_chosen_form(provider, item, request.POST) for item in chosen]
        if not chosen:
            return self._refused(request, provider, came_from, [], _("Tick at least one model."))
        are_valid = [form.is_valid() for form in forms_]
        names = [form.instance.name for form in forms_]
        for form in forms_:
            if names.count(form.instance.name) > 1:
                form.add_error("name", _("Two of the chosen models have this name."))
                are_valid.append(False)
        if not all(are_valid):
            return self._refused(request, provider, came_from, forms_, _("Some models need another look."))
        visit = visits.found(request)
        catalog.add_all([form.instance for form in forms_], within=visit.tenant if visit is not None else None)
        text = _("Applications may now name: %(names)s") % {"names": ", ".join(names)}
        self.message_user(request, text, messages.SUCCESS)
        if came_from == "setup" and visit is not None:
            return go_to(request, reverse("console:setup"))
        return go_to(request, reverse("admin:gateway_provider_change", args=[provider.pk]))

    def _refused(
        self, request: HttpRequest, provider: Provider, came_from: str, forms_: list[ChosenModelForm], text: str
    ) -> HttpResponse:
        editors = [_editor(form) for form in forms_]
        if request.headers.get("HX-Request"):
            return TemplateResponse(request, f"{FOLDER}/models_answer.html", {"text": text, "editors": editors})
        return self._models_page(request, provider, came_from, editors=editors, text=text)

    def _models_page(
        self, request: HttpRequest, provider: Provider, came_from: str, *, editors: list[Editor], text: str = ""
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Models of %(provider)s") % {"provider": provider.name},
            "provider": provider,
            "came_from": came_from,
            "editors": editors,
            "text": text,
            "list_url": reverse("admin:gateway_provider_model_list", args=[provider.pk]),
            "editor_url": reverse("admin:gateway_provider_model_editor", args=[provider.pk]),
            "done_url": reverse("console:setup")
            if came_from == "setup" and visits.found(request)
            else reverse("admin:gateway_provider_change", args=[provider.pk]),
        }
        return TemplateResponse(request, f"{FOLDER}/models.html", context)

    def list_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks the provider, and shows what it has; or what is wrong with the connection."""
        provider = self._provider(request, object_id)
        report, explained = self._tested(provider, "")
        if explained is not None or report is None:
            context: dict[str, Any] = {
                "explained": explained,
                "editor_url": reverse("admin:gateway_provider_model_editor", args=[provider.pk]),
            }
            return TemplateResponse(request, f"{FOLDER}/models_none.html", context)
        now = timezone.now()
        proposals = [
            known_models.propose(item, kind=provider.kind, base_url=provider.effective_base_url, at=now)
            for item in report.models
        ]
        added = {model.effective_upstream_id for model in Model.objects.filter(provider=provider)}
        ticked = frozenset() if added else known_models.first_choice(proposals, report.models)
        shown = [item for item in proposals if item.is_text]
        context = {
            "rows": [
                _row(provider, item, is_added=item.upstream_id in added, is_ticked=item.upstream_id in ticked)
                for item in shown
            ],
            "left_out": len(proposals) - len(shown),
            "editor_url": reverse("admin:gateway_provider_model_editor", args=[provider.pk]),
        }
        return TemplateResponse(request, f"{FOLDER}/models_list.html", context)

    def editor_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The form of one model: ticked in the list, or named by hand."""
        provider = self._provider(request, object_id)
        query = request.GET
        upstream_id = query.get("chosen", "").strip()[:200]
        if not upstream_id:
            return HttpResponse(status=204)
        proposal = known_models.propose(
            _told(query, upstream_id), kind=provider.kind, base_url=provider.effective_base_url, at=timezone.now()
        )
        editor = _editor(_proposed_form(provider, proposal))
        return TemplateResponse(
            request, f"{FOLDER}/model_editor.html", {"editor": editor, "is_by_hand": "by_hand" in query}
        )


def key_of(upstream_id: str) -> str:
    """A short name for a model's part of the page."""
    return "m" + hashlib.sha256(upstream_id.encode()).hexdigest()[:10]


def _told(query: QueryDict, upstream_id: str) -> Listed:
    """What the provider's list said of a model, which the page hands back. It only fills in a form."""

    def number(name: str) -> int | None:
        text = query.get(name, "")
        return int(text) if text.isdecimal() and len(text) < 10 else None

    can = frozenset(query.get("can", "").split(",")) & frozenset(Model.Capability.values)
    return Listed(upstream_id, "", number("window"), number("output"), can if "can" in query else None)


def _row(provider: Provider, proposal: Proposal, *, is_added: bool, is_ticked: bool) -> Row:
    told = {"window": proposal.context_window, "output": proposal.max_output_tokens}
    query = {name: value for name, value in told.items() if value is not None}
    return Row(
        upstream_id=proposal.upstream_id,
        title=proposal.title if proposal.title != proposal.upstream_id else "",
        key=key_of(proposal.upstream_id),
        capabilities=", ".join(str(item.label) for item in Model.Capability if item in proposal.capabilities),
        window=f"{proposal.context_window:,}" if proposal.context_window else "",
        price=in_short(proposal.price),
        is_added=is_added,
        is_ticked=is_ticked,
        query=json.dumps({**query, "can": ",".join(sorted(proposal.capabilities))}),
        editor=_editor(_proposed_form(provider, proposal)) if is_ticked else None,
    )


def _proposed_form(provider: Provider, proposal: Proposal) -> ChosenModelForm:
    return ChosenModelForm(provider=provider, prefix=key_of(proposal.upstream_id), initial=_values(proposal))


def _values(proposal: Proposal) -> dict[str, Any]:
    return {
        "upstream_id": proposal.upstream_id,
        "name": proposal.name,
        "capabilities": [item for item in Model.Capability.values if item in proposal.capabilities]
        or sorted(known_models.CHAT),
        "context_window": proposal.context_window,
        "max_output_tokens": proposal.max_output_tokens,
        "price_ref": proposal.price_ref,
    }


def _chosen_form(provider: Provider, upstream_id: str, data: QueryDict) -> ChosenModelForm:
    """As it was filled in; of a model whose form was not opened, as it was proposed."""
    key = key_of(upstream_id)
    if f"{key}-name" in data:
        return ChosenModelForm(data, provider=provider, prefix=key)
    proposal = known_models.propose(
        Listed(upstream_id), kind=provider.kind, base_url=provider.effective_base_url, at=timezone.now()
    )
    values = {name: value for name, value in _values(proposal).items() if value is not None}
    return ChosenModelForm({f"{key}-{name}": value for name, value in values.items()}, provider=provider, prefix=key)


def _editor(form: ChosenModelForm) -> Editor:
    price = form.price
    return Editor(
        form=form,
        key=str(form.prefix),
        price=in_short(price),
        is_open=(price is None and not settings.GATEWAY_DEFAULT_PRICE) or bool(form.is_bound and form.errors),
    )
