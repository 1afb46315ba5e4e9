"""The sidebars of the operators' site and of the consoles: what there is to find, grouped, and only what the person may see.

An entry leads to a model's list ("billing.budget"), to another of its pages ("gateway.model:breakers"), or to a page of the console by its
name ("team"). Whether somebody sees it is asked of what it leads to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from tenants import sites, visits


@dataclass(frozen=True)
class Entry:
    label: Any
    icon: str
    target: str
    description: Any


@dataclass(frozen=True)
class Group:
    """Entries under a title; without one, at the top."""

    title: Any
    entries: tuple[Entry, ...]


REQUESTS = Entry(
    _("Request log"), "receipt_long", "gateway.requestlog", _("Every request: who, which model, cost, time")
)
DASHBOARDS = Entry(_("Dashboards"), "monitoring", "dashboards", _("Latency, cost, errors and caches, over time"))
AUDIT = Entry(_("Audit trail"), "history", "auditlog.logentry", _("Who changed what, and when"))
KEYS = Entry(_("API keys"), "key", "tenants.apikey", _("What applications call with"))
END_USERS = Entry(_("End users"), "person_pin_circle", "tenants.enduser", _("On whose behalf applications call"))
BUDGETS = Entry(_("Budgets"), "savings", "billing.budget", _("Most that may be used, and what was used so far"))
ALERTS = Entry(_("Alerts"), "notifications", "billing.alert", _("What is the matter, or was, and who was told"))
CHANNELS = Entry(_("Alert channels"), "campaign", "billing.alertchannel", _("E-mail, webhooks and Slack that are told"))
PROVIDERS = Entry(_("Providers"), "hub", "gateway.provider", _("Upstreams and their credentials"))
MODELS = Entry(_("Models"), "neurology", "gateway.model", _("What applications may name, and its price"))
TASKS = Entry(_("Tasks"), "task_alt", "gateway.task", _("Asked for by purpose, with a chain of models"))
RULES = Entry(_("Routing rules"), "alt_route", "gateway.routingrule", _("Which model answers"))
CACHES = Entry(_("Caches"), "cached", "gateway.cachepolicy", _("What is answered again without calling a model"))
QUALITY = Entry(_("Quality models"), "grading", "gateway.qualitymodel", _("What judges a cascade's cheap answers"))
FEEDBACK = Entry(_("Feedback"), "thumb_up", "gateway.feedback", _("Thumbs and comments on answers"))
PLAYGROUND = Entry(_("Playground"), "forum", "playground", _("Write to a model and see what it answers, and costs"))
JUDGES = Entry(_("Judges"), "balance", "gateway.judgepolicy", _("Models that score a sample of answers by a rubric"))
JUDGEMENTS = Entry(_("Judgements"), "gavel", "gateway.judgement", _("What judges said of answers"))
LABELS = Entry(_("Labelled answers"), "thumbs_up_down", "gateway.labeledanswer", _("What quality models learn from"))
WATCHES = Entry(
    _("Semantic caches"),
    "compare_arrows",
    "gateway.semanticwatch",
    _("How often they are wrong, and what followed from that"),
)
CHECKS = Entry(
    _("Checks of hits"), "fact_check", "gateway.semanticcheck", _("Cached answers that were compared with fresh ones")
)
BREAKERS = Entry(
    _("Circuit breakers"),
    "electric_bolt",
    "gateway.model:breakers",
    _("Which models fail and are left alone for the moment"),
)

OPERATORS = (
    Group(_("Activity"), (DASHBOARDS, REQUESTS, FEEDBACK, AUDIT)),
    Group(
        _("Tenants"),
        (
            Entry(_("Tenants"), "apartment", "tenants.tenant", _("The companies whose applications call models")),
            KEYS,
            END_USERS,
            Entry(_("Memberships"), "badge", "tenants.membership", _("Who runs a tenant, in which role")),
            Entry(_("Invitations"), "mail", "tenants.invitation", _("Who was asked to join a tenant")),
            Entry(_("Single sign-on"), "login", "tenants.ssoconnection", _("Tenants' identity providers")),
        ),
    ),
    Group(
        _("Limits"),
        (
            BUDGETS,
            Entry(_("Plans"), "speed", "billing.plan", _("Limits that tenants subscribe to")),
            Entry(_("Subscriptions"), "event_repeat", "billing.subscription", _("Which tenant is on which plan")),
            ALERTS,
            CHANNELS,
        ),
    ),
    Group(
        _("Catalog & routing"),
        (PROVIDERS, MODELS, TASKS, RULES, CACHES, WATCHES, CHECKS, JUDGES, JUDGEMENTS, QUALITY, LABELS, BREAKERS),
    ),
    Group(
        _("Access"),
        (
            Entry(_("Users"), "group", "auth.user", _("People who sign in")),
            Entry(_("Groups"), "shield_person", "auth.group", _("Django's own permissions")),
        ),
    ),
)

CONSOLE = (
    Group("", (Entry(_("Home"), "home", "index", _("How things stand")), PLAYGROUND)),
    Group(_("Activity"), (DASHBOARDS, REQUESTS, FEEDBACK, replace(ALERTS, target="billing_alert_changelist"), AUDIT)),
    Group(
        _("Access"),
        (KEYS, Entry(_("Management keys"), "terminal", "management_keys", _("What scripts manage with")), END_USERS),
    ),
    Group(
        _("Limits"),
        (
            replace(BUDGETS, target="billing_budget_changelist"),
            Entry(_("Plan and limits"), "speed", "billing_plan", _("What the plan allows, and how much of it is used")),
            replace(CHANNELS, target="billing_alertchannel_changelist"),
            Entry(_("Statements"), "receipt", "statements", _("What was used, month by month")),
        ),
    ),
    Group(
        _("Models & routing"),
        (
            PROVIDERS,
            MODELS,
            TASKS,
            RULES,
            CACHES,
            WATCHES,
            CHECKS,
            BREAKERS,
            replace(JUDGES, target="judges"),
            JUDGEMENTS,
            QUALITY,
            LABELS,
        ),
    ),
    Group(
        _("Tenant"),
        (
            Entry(_("Team"), "group", "team", _("Members, their roles, invitations")),
            Entry(_("Single sign-on"), "login", "tenants.ssoconnection", _("Your identity provider")),
            Entry(
                _("Stored content"),
                "chat_info",
                "content",
                _("Whether prompts and answers are stored, and for how long"),
            ),
            Entry(_("Settings"), "settings", "tenants.tenant", _("Name and time zone")),
        ),
    ),
)


def operators(request: HttpRequest) -> list[dict[str, Any]]:
    return _shown(request, admin.site, OPERATORS)


def console(request: HttpRequest) -> list[dict[str, Any]]:
    return _shown(request, sites.console, CONSOLE) if visits.found(request) is not None else []


def _shown(request: HttpRequest, site: Any, groups: tuple[Group, ...]) -> list[dict[str, Any]]:
    """As unfold takes it: the groups with at least one entry that the person may see."""
    shown: list[dict[str, Any]] = []
    for group in groups:
        items = [
            {"title": entry.label, "icon": entry.icon, "link": link, "description": entry.description}
            for entry in group.entries
            if (link := _link(request, site, entry.target)) is not None
        ]
        if items:
            shown.append({"title": group.title, "separator": bool(shown), "items": items})
    _mark_active(request, site, [item for group in shown for item in group["items"]])
    return shown


def _link(request: HttpRequest, site: Any, target: str) -> str | None:
    """Where the entry leads; None if the person may not go there."""
    if "." not in target:
        may = target == "index" or site.may_open(request, target)
        return reverse(f"{site.name}:{target}") if may else None
    model_label, _colon, page = target.partition(":")
    app, model = model_label.split(".")
    for registered, pages in site._registry.items():
        if (registered._meta.app_label, registered._meta.model_name) == (app, model):
            may = pages.has_view_permission(request)
            return reverse(f"{site.name}:{app}_{model}_{page or 'changelist'}") if may else None
    return None


def _mark_active(request: HttpRequest, site: Any, items: list[dict[str, Any]]) -> None:
    """The page one is on: of those whose address begins the request's, the longest; the first page only for itself."""
    home = reverse(f"{site.name}:index")
    matching = [link for link in (item["link"] for item in items) if link != home and request.path.startswith(link)]
    active = max(matching, key=len, default=home if request.path == home else None)
    for item in items:
        item["active"] = item["link"] == active


def environment(request: HttpRequest) -> list[Any]:
    """The label in the page's corner: which installation this is; in a console of which one is no member, that one is a guest."""
    visit = visits.found(request)
    if visit is not None and visit.by_operator:
        return [_("Operator in %(tenant)s") % {"tenant": visit.tenant}, "warning"]
    return [_("Production"), "danger"] if settings.IS_PRODUCTION else [_("Development"), "info"]
