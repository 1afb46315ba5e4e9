"""A budget in plain words: what it blocks, what happens before that, and its amounts as people write them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from billing.models import Budget

Metric, Scope, Window = Budget.Metric, Budget.Scope, Budget.Window

_WINDOWS = {
    Window.MINUTE: gettext_lazy("a minute"),
    Window.HOUR: gettext_lazy("an hour"),
    Window.DAY: gettext_lazy("a day"),
    Window.WEEK: gettext_lazy("a week"),
    Window.MONTH: gettext_lazy("a month"),
    Window.TOTAL: gettext_lazy("in total"),
}
# People and what acts for them spend and make requests; tasks, models and tags cost and get them.
_OF_ACTORS = {
    Metric.USD: gettext_lazy("spends more than %(quantity)s"),
    Metric.TOKENS: gettext_lazy("uses more than %(quantity)s"),
    Metric.REQUESTS: gettext_lazy("makes more than %(quantity)s"),
}
_OF_THINGS = {
    Metric.USD: gettext_lazy("costs more than %(quantity)s"),
    Metric.TOKENS: gettext_lazy("uses more than %(quantity)s"),
    Metric.REQUESTS: gettext_lazy("gets more than %(quantity)s"),
}
_OF_SEVERAL = {
    Metric.USD: gettext_lazy("spend more than %(quantity)s"),
    Metric.TOKENS: gettext_lazy("use more than %(quantity)s"),
    Metric.REQUESTS: gettext_lazy("make more than %(quantity)s"),
}
_VERBS = {
    Scope.TENANT: _OF_ACTORS,
    Scope.KEY: _OF_ACTORS,
    Scope.END_USER: _OF_ACTORS,
    Scope.TIER: _OF_SEVERAL,
    Scope.TASK: _OF_THINGS,
    Scope.MODEL: _OF_THINGS,
    Scope.TAG: _OF_THINGS,
}
_WHEN_ONE = {
    Scope.TENANT: gettext_lazy("Block when the whole tenant %(does)s"),
    Scope.KEY: gettext_lazy("Block when API key “%(subject)s” %(does)s"),
    Scope.END_USER: gettext_lazy("Block when end user “%(subject)s” %(does)s"),
    Scope.TIER: gettext_lazy("Block when all users of tier %(subject)s together %(does)s"),
    Scope.TASK: gettext_lazy("Block when task %(subject)s %(does)s"),
    Scope.MODEL: gettext_lazy("Block when model %(subject)s %(does)s"),
    Scope.TAG: gettext_lazy("Block when tag “%(subject)s” %(does)s"),
}
_WHEN_EACH = {
    Scope.KEY: gettext_lazy("Block each API key that %(does)s"),
    Scope.END_USER: gettext_lazy("Block each end user who %(does)s"),
    Scope.TIER: gettext_lazy("Block when all users of one tier together %(does)s"),
    Scope.TASK: gettext_lazy("Block each task that %(does)s"),
    Scope.MODEL: gettext_lazy("Block each model that %(does)s"),
    Scope.TAG: gettext_lazy("Block each tag that %(does)s"),
}
_ALWAYS_ONE = {
    Scope.TENANT: gettext_lazy("Block every request of the whole tenant"),
    Scope.KEY: gettext_lazy("Block every request of API key “%(subject)s”"),
    Scope.END_USER: gettext_lazy("Block every request of end user “%(subject)s”"),
    Scope.TIER: gettext_lazy("Block every request of users of tier %(subject)s"),
    Scope.TASK: gettext_lazy("Block every request for task %(subject)s"),
    Scope.MODEL: gettext_lazy("Block every request to model %(subject)s"),
    Scope.TAG: gettext_lazy("Block every request with tag “%(subject)s”"),
}
_ALWAYS_EACH = {
    Scope.KEY: gettext_lazy("Block every request of any API key"),
    Scope.END_USER: gettext_lazy("Block every request of any end user"),
    Scope.TIER: gettext_lazy("Block every request of users of any tier"),
    Scope.TASK: gettext_lazy("Block every request for any task"),
    Scope.MODEL: gettext_lazy("Block every request to any model"),
    Scope.TAG: gettext_lazy("Block every request with any tag"),
}


def blocking(budget: Budget) -> str:
    """What the budget blocks, such as “Block each end user who uses more than 200,000 tokens a day”. Raises of it are left out."""
    scope, metric = Scope(budget.scope), Metric(budget.metric)
    subject = str(budget.api_key) if scope == Scope.KEY and budget.api_key_id else budget.counted_subject
    is_each = scope != Scope.TENANT and not subject
    if not budget.amount:
        return str((_ALWAYS_EACH if is_each else _ALWAYS_ONE)[scope]) % {"subject": subject}
    does = str(_VERBS[scope][metric]) % {"quantity": quantity(metric, budget.amount)}
    spoken = str((_WHEN_EACH if is_each else _WHEN_ONE)[scope]) % {"subject": subject, "does": does}
    return f"{spoken} {_WINDOWS[Window(budget.window)]}"


def before_blocking(budget: Budget) -> str:
    """What the budget does short of blocking; empty if nothing."""
    said = []
    if budget.cheaper_at:
        model = budget.cheaper_model or _("the cheapest model of the route")
        said.append(_("From %(share)d %% on, %(model)s answers.") % {"share": budget.cheaper_at, "model": model})
    if budget.cached_only_at:
        said.append(_("From %(share)d %% on, only cached answers are given.") % {"share": budget.cached_only_at})
    return " ".join(said)


def quantity(metric: str, amount: Decimal) -> str:
    """An amount with its unit: $50, $0.25, 1 request, 200,000 tokens. No digit is dropped."""
    if metric == Metric.USD:
        return f"${plain(amount, least_decimals=2 if amount % 1 else 0)}"
    unit: Any = (
        ngettext("request", "requests", int(amount))
        if metric == Metric.REQUESTS
        else ngettext("token", "tokens", int(amount))
    )
    return f"{plain(amount)} {unit}"


def plain(amount: Decimal, *, least_decimals: int = 0) -> str:
    """Every digit there is, thousands apart, and no zeros behind."""
    decimals = max(least_decimals, -int(amount.normalize().as_tuple().exponent))
    return f"{amount:,.{decimals}f}"
