"""What the home page says of the tenant itself. Other apps have modules like this one for what is theirs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tenants import visits
from tenants.pages import key_counts
from tenants.pages.home import Card, card
from tenants.roles import Action

# What people come for most: the right it takes, what it is called, its icon and its page.
LINKS: tuple[tuple[Action, str, Any, str, str], ...] = (
    ("add", "keys", gettext_lazy("Make an API key"), "key", "console:tenants_apikey_add"),
    ("add", "providers", gettext_lazy("Connect a provider"), "hub", "console:gateway_provider_connect"),
    ("add", "budgets", gettext_lazy("Set a budget"), "savings", "console:billing_budget_add"),
    ("view", "rules", gettext_lazy("See where a request would go"), "alt_route", "console:gateway_routingrule_explain"),
    ("view", "requests", gettext_lazy("Find a request"), "search", "console:gateway_requestlog_changelist"),
)


@card(order=50)
def keys(request: HttpRequest) -> Card | None:
    """How many keys can call."""
    usable = key_counts.of(request).usable
    if not usable:
        return None  # what to do about it, the setup says
    text = ngettext("%(count)d key can call.", "%(count)d keys can call.", usable) % {"count": usable}
    return Card(_("API keys"), "key", text, reverse("console:tenants_apikey_changelist"), _("See the keys"))


@card(order=60)
def links(request: HttpRequest) -> Card:
    visit = visits.of(request)
    shown = [
        {"title": title, "icon": icon, "url": reverse(page)}
        for action, subject, title, icon, page in LINKS
        if visit.may(action, subject)
    ]
    return Card(
        _("Go on with"),
        "arrow_forward",
        "",
        template="console/cards/links.html",
        context={"links": shown},
        is_tall=len(shown) > 2,
    )
