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


_SHORT_ONE = {
    Scope.TENANT: gettext_lazy("Whole tenant"),
    Scope.KEY: gettext_lazy("Key %(subject)s"),
    Scope.END_USER: gettext_lazy("%(subject)s"),
    Scope.TIER: gettext_lazy("Tier %(subject)s"),
    Scope.TASK: gettext_lazy("Task %(subject)s"),
    Scope.MODEL: gettext_lazy("Model %(subject)s"),
    Scope.TAG: gettext_lazy("Tag %(subject)s"),
}
_SHORT_EACH = {
    Scope.KEY: gettext_lazy("Each API key"),
    Scope.END_USER: gettext_lazy("Each end user"),
    Scope.TIER: gettext_lazy("Each tier"),
    Scope.TASK: gettext_lazy("Each task"),
    Scope.MODEL: gettext_lazy("Each model"),
    Scope.TAG: gettext_lazy("Each tag"),
}


def blocking(budget: Budget) -> str:
    """What the budget blocks, such as “Block each end user who uses more than 200,000 tokens a day”. Raises of it are left out."""
    subject = str(budget.api_key) if budget.scope == Scope.KEY and budget.api_key_id else budget.counted_subject
    return blocks(budget.scope, subject, budget.metric, budget.window, budget.amount)


def blocks(scope: str, subject: str, metric: str, window: str, amount: Decimal) -> str:
    """The same of any limit. `subject` as people call it; empty: each by itself."""
    is_each = scope != Scope.TENANT and not subject
    if not amount:
        return str((_ALWAYS_EACH if is_each else _ALWAYS_ONE)[Scope(scope)]) % {"subject": subject}
    does = str(_VERBS[Scope(scope)][Metric(metric)]) % {"quantity": quantity(metric, amount)}
    spoken = str((_WHEN_EACH if is_each else _WHEN_ONE)[Scope(scope)]) % {"subject": subject, "does": does}
    return f"{spoken} {_WINDOWS[Window(window)]}"


def of_tier(tier: str, metric: str, window: str, amount: Decimal) -> str:
    """What a plan allows each end user of a tier."""
    does = str(_OF_ACTORS[Metric(metric)]) % {"quantity": quantity(metric, amount)}
    return f"{_('Block each end user of tier %(tier)s who %(does)s') % {'tier': tier, 'does': does}} {_WINDOWS[Window(window)]}"


def short(budget: Budget) -> str:
    """A name for it, such as “Tier free, $50 a day” or “Each end user, 200,000 tokens a day”."""
    scope = Scope(budget.scope)
    subject = budget.api_key.name if scope == Scope.KEY and budget.api_key is not None else budget.counted_subject
    who = str((_SHORT_ONE if subject or scope == Scope.TENANT else _SHORT_EACH)[scope]) % {"subject": subject}
    return f"{who}, {quantity(budget.metric, budget.amount)} {_WINDOWS[Window(budget.window)]}"


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
