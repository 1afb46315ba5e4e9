"""The admin's sidebar and front page: what there is to find, grouped, and only what the person may see."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

# Group → (label, icon, app, model, what is there, and which of the model's pages it is if not its list).
GROUPS: list[tuple[Any, list[tuple[Any, ...]]]] = [
    (
        _("Activity"),
        [
            (
                _("Request log"),
                "receipt_long",
                "gateway",
                "requestlog",
                _("Every request: who, which model, cost, time"),
            ),
            (_("Audit trail"), "history", "auditlog", "logentry", _("Who changed what, and when")),
        ],
    ),
    (
        _("Tenants"),
        [
            (_("Tenants"), "apartment", "tenants", "tenant", _("The companies whose applications call models")),
            (_("API keys"), "key", "tenants", "apikey", _("What applications call with")),
            (_("End users"), "person_pin_circle", "tenants", "enduser", _("On whose behalf applications call")),
            (_("Memberships"), "badge", "tenants", "membership", _("Who runs a tenant, in which role")),
        ],
    ),
    (
        _("Limits"),
        [
            (_("Budgets"), "savings", "billing", "budget", _("Most that may be used, and what was used so far")),
            (_("Plans"), "speed", "billing", "plan", _("Limits that tenants subscribe to")),
            (_("Subscriptions"), "event_repeat", "billing", "subscription", _("Which tenant is on which plan")),
            (_("Alerts"), "notifications", "billing", "alert", _("Thresholds that were crossed, and who was told")),
            (_("Alert channels"), "campaign", "billing", "alertchannel", _("E-mail, webhooks and Slack that are told")),
        ],
    ),
    (
        _("Catalog & routing"),
        [
            (_("Providers"), "hub", "gateway", "provider", _("Upstreams and their credentials")),
            (_("Models"), "neurology", "gateway", "model", _("What applications may name, and its price")),
            (_("Tasks"), "task_alt", "gateway", "task", _("Asked for by purpose, with a chain of models")),
            (_("Routing rules"), "alt_route", "gateway", "routingrule", _("Which model answers")),
            (_("Quality models"), "grading", "gateway", "qualitymodel", _("What judges a cascade's cheap answers")),
            (_("Labelled answers"), "thumbs_up_down", "gateway", "labeledanswer", _("What quality models learn from")),
            (
                _("Semantic caches"),
                "cached",
                "gateway",
                "semanticwatch",
                _("How often they are wrong, and what followed from that"),
            ),
            (
                _("Checks of hits"),
                "fact_check",
                "gateway",
                "semanticcheck",
                _("Cached answers that were compared with fresh ones"),
            ),
            (
                _("Circuit breakers"),
                "electric_bolt",
                "gateway",
                "model",
                _("Which models fail and are left alone for the moment"),
                "breakers",
            ),
        ],
    ),
    (
        _("Access"),
        [
            (_("Users"), "group", "auth", "user", _("People who log in")),
            (_("Groups"), "shield_person", "auth", "group", _("Django's own permissions")),
        ],
    ),
]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups with at least one page the person may see."""
    pages = {(model._meta.app_label, model._meta.model_name): page for model, page in admin.site._registry.items()}
    groups: list[dict[str, Any]] = []
    for title, entries in GROUPS:
        items = [
            {
                "title": label,
                "icon": icon,
                "link": reverse(f"admin:{app}_{model}_{page[0] if page else 'changelist'}"),
                "description": description,
            }
            for label, icon, app, model, description, *page in entries
            if (app, model) in pages and pages[app, model].has_view_permission(request)
        ]
        if items:
            groups.append({"title": title, "separator": bool(groups), "items": items})
    _mark_active(request, [item for group in groups for item in group["items"]])
    return groups


def _mark_active(request: HttpRequest, items: list[dict[str, Any]]) -> None:
    """The page one is on: of those whose address begins the request's, the longest."""
    matching = [item["link"] for item in items if request.path.startswith(item["link"])]
    for item in items:
        item["active"] = item["link"] == max(matching, key=len, default=None)


def environment(request: HttpRequest) -> list[Any]:
    """The label in the page's corner: which installation this is."""
    return [_("Production"), "danger"] if settings.IS_PRODUCTION else [_("Development"), "info"]
