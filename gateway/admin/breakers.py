"""Circuit breakers in the admin: a page that shows how they stand and keeps itself fresh, and the manual override of each.

A breaker belongs to a provider's model and counts every tenant's calls; so a tenant's members see how often calls fail of their own
models only.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import display
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from gateway.models import Model
from gateway.resilience import breaker_states
from gateway.resilience.breaker_states import BreakerState
from gateway.resilience.breakers import CLOSED, HALF_OPEN, OPEN
from tenants.admin import scope
from tenants.admin.badges import badge
from tenants.admin.base import TenantScopedAdmin

logger = logging.getLogger(__name__)
Setting = Model.Breaker
MOST = 300  # models on the page
TABLE = "admin/gateway/model/breaker_table.html"
STATES = {CLOSED: (_("Closed"), "success"), OPEN: (_("Open"), "danger"), HALF_OPEN: (_("Half-open"), "warning")}
HELD = {Setting.CLOSED: (_("Held closed"), "info"), Setting.OPEN: (_("Held open"), "danger")}
ACTIONS = {Setting.AUTO: _("Automatic"), Setting.OPEN: _("Hold open"), Setting.CLOSED: _("Hold closed")}
QUESTIONS = {
    Setting.AUTO: _("Let the circuit breaker of “%(model)s” open and close by itself?"),
    Setting.OPEN: _("Hold the circuit breaker of “%(model)s” open? Requests then go to the next model of their chain, or fail."),
    Setting.CLOSED: _("Hold the circuit breaker of “%(model)s” closed? It is then called however often it fails."),
}  # fmt: skip


@dataclass(frozen=True)
class Action:
    """A change of the override."""

    label: Any
    url: str
    question: str
    key: str


@dataclass(frozen=True)
class Row:
    """A model as the page shows it; all texts are ready."""

    model: Model
    url: str
    state: str
    explained: str
    calls: str
    first_byte: str
    whole: str
    actions: Sequence[Action]


def states_of(models: Iterable[Model]) -> dict[UUID, BreakerState] | None:
    """How the models' breakers stand; None if Redis is away."""
    wanted = list(models)
    try:
        found = breaker_states.read(
            get_redis_connection("default"), [(model.provider_id, model.effective_upstream_id) for model in wanted]
        )
    except RedisError as error:
        logger.warning("could not read circuit breakers: %s", error)
        return None
    return {model.pk: state for model, state in zip(wanted, found, strict=True)}


def state_badge(model: Model, state: BreakerState | None) -> str:
    """What the gateway goes by: the override, or else how the breaker stands."""
    if model.breaker in HELD:
        return badge(*HELD[Setting(model.breaker)])
    return badge(*STATES[state.state]) if state is not None else badge(_("Unknown"))


class BreakerPages(TenantScopedAdmin):
    """What the models' admin has of circuit breakers."""

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("breakers/", wrap(self.breakers_view), name="gateway_model_breakers"),
            path("breakers/table/", self.breaker_table_view, name="gateway_model_breaker_table"),
            path("<path:object_id>/breaker/<str:setting>/", wrap(self.breaker_view), name="gateway_model_breaker"),
            *super().get_urls(),
        ]

    def breakers_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {**self.admin_site.each_context(request), "title": _("Circuit breakers")}
        return TemplateResponse(request, "admin/gateway/model/breakers.html", {**context, **self._table(request)})

    def breaker_table_view(self, request: HttpRequest) -> HttpResponse:
        """The table alone, which the page asks for every few seconds. Who is no longer logged in has the page loaded anew."""
        if not self.admin_site.has_permission(request):
            return HttpResponse(headers={"HX-Refresh": "true"})
        return self.admin_site.admin_view(self._table_view)(request)

    def _table_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return TemplateResponse(request, TABLE, self._table(request))

    def breaker_view(self, request: HttpRequest, object_id: str, setting: str) -> HttpResponse:
        """GET asks, POST changes the override. The page itself asks in a dialog, and is answered with its new table."""
        model = self.get_object(request, unquote(object_id))
        if setting not in Setting.values:
            raise Http404
        if not self.has_change_permission(request, model):
            raise PermissionDenied
        page_url = reverse("admin:gateway_model_breakers")
        if request.method == "POST":
            if model.breaker != setting:
                model.breaker = setting
                model.save(update_fields=["breaker"])
            if request.headers.get("HX-Request"):
                return TemplateResponse(request, TABLE, self._table(request))
            self.message_user(request, f"{model}: {Setting(setting).label}", messages.SUCCESS)
            return HttpResponseRedirect(page_url)
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET", "POST"])
        context = {
            **self.admin_site.each_context(request),
            "title": _("Circuit breaker of %(model)s") % {"model": model},
            "question": QUESTIONS[Setting(setting)] % {"model": model},
            "label": ACTIONS[Setting(setting)],
            "cancel_url": page_url,
        }
        return TemplateResponse(request, "admin/gateway/model/breaker.html", context)

    def _table(self, request: HttpRequest) -> dict[str, Any]:
        models = list(self.get_queryset(request).filter(is_active=True, provider__is_active=True)[: MOST + 1])
        shown = models[:MOST]
        states = states_of(shown)
        known = states or {}
        rows = [self._row(request, model, known.get(model.pk)) for model in sorted(shown, key=_order(known))]
        return {
            "rows": rows,
            "is_away": states is None,
            "has_more": len(models) > MOST,
            "most": MOST,
            "now": timezone.now(),
        }

    def _row(self, request: HttpRequest, model: Model, state: BreakerState | None) -> Row:
        may_count = scope.is_operator(request) or model.tenant_id is not None
        may_change = self.has_change_permission(request, model)
        return Row(
            model=model,
            url=reverse("admin:gateway_model_change", args=[model.pk]),
            state=state_badge(model, state),
            explained=_explained(model, state),
            calls=_calls(state) if state is not None and may_count else "–",
            first_byte=_duration(state.p95_first_byte_ms if state else None),
            whole=_duration(state.p95_whole_ms if state else None),
            actions=[_action(model, setting) for setting in Setting if setting != model.breaker] if may_change else (),
        )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list's breakers, read at once."""
        changes = super().get_changelist_instance(request)
        changes.result_list = list(changes.result_list)
        states = states_of(changes.result_list) or {}
        for model in changes.result_list:
            model._tollgate_breaker = states.get(model.pk)
        return changes

    @display(description=_("Circuit breaker"), ordering="breaker")
    def breaker_state(self, model: Model) -> str:
        return state_badge(model, getattr(model, "_tollgate_breaker", None))


def _order(states: dict[UUID, BreakerState]) -> Any:
    """What needs attention first."""

    def key(model: Model) -> tuple[bool, bool, str]:
        state = states.get(model.pk)
        return state is None or state.state == CLOSED, model.breaker == Setting.AUTO, model.name

    return key


def _action(model: Model, setting: Model.Breaker) -> Action:
    return Action(
        label=ACTIONS[setting],
        url=reverse("admin:gateway_model_breaker", args=[model.pk, setting]),
        question=str(QUESTIONS[setting] % {"model": model}),
        key=f"{setting}-{model.pk}",
    )


def _explained(model: Model, state: BreakerState | None) -> str:
    """Since when it stands so, and what comes next."""
    if state is None:
        return ""
    words = []
    if model.breaker in HELD:
        words.append(str(_("by itself %(state)s") % {"state": str(STATES[state.state][0]).lower()}))
    if state.since is not None:
        words.append(str(_("for %(time)s") % {"time": _span(timezone.now() - state.since)}))
    if model.breaker == Setting.AUTO and state.state == OPEN:
        seconds = round(state.probe_seconds)
        words.append(str(_("next probe in %(n)d s") % {"n": seconds} if seconds else _("probed by the next request")))
    elif model.breaker == Setting.AUTO and state.state == HALF_OPEN:
        told = {"under_way": state.probes_under_way, "well": state.probes_well}
        words.append(str(_("%(under_way)d probes under way, %(well)d went well") % told))
    return ", ".join(words)


def _calls(state: BreakerState) -> str:
    calls = state.well + state.badly
    if state.state != CLOSED:
        return "–"
    return (
        str(_("%(failed)d of %(calls)d failed") % {"failed": state.badly, "calls": calls}) if calls else str(_("none"))
    )


def _duration(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "–"
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def _span(elapsed: dt.timedelta) -> str:
    seconds = max(0, int(elapsed.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
