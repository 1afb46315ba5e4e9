"""What the playground offers to choose from: the models and tasks that its calls may use, each with what one wants to know before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import F, Prefetch
from django.utils import timezone
from django.utils.translation import gettext as _

from gateway.models import Model, Task, TaskFallback
from gateway.pipeline.router import TASK_PREFIX
from tenants.models import ApiKey

PICO_PER_USD_PER_MTOK = 1_000_000
THOUSAND = 1000


@dataclass(frozen=True)
class Offer:
    """`name` is what goes into `model`; `about` says the rest in a line."""

    name: str
    title: str
    about: str


@dataclass(frozen=True)
class Offers:
    tasks: list[Offer]
    models: list[Offer]


def of(key: ApiKey | None) -> Offers:
    """For the tenant that is entered. `key` is what the calls count as: it may be restricted like any other."""
    models = _by_name(
        Model.objects.filter(is_active=True, provider__is_active=True, capabilities__contains=["chat"]).select_related(
            "provider"
        )
    )
    fallbacks = Prefetch("fallbacks", TaskFallback.objects.select_related("model").order_by("position"))
    tasks = _by_slug(Task.objects.filter(is_active=True).select_related("default_model").prefetch_related(fallbacks))
    allowed_models, allowed_tasks = (key.allowed_models, key.allowed_tasks) if key else ([], [])
    return Offers(
        tasks=[
            Offer(TASK_PREFIX + task.slug, f"{TASK_PREFIX}{task.slug}", _chain(task))
            for task in tasks
            if not allowed_tasks or task.slug in allowed_tasks
        ],
        models=[
            Offer(model.name, model.name, _about(model))
            for model in models
            if not allowed_models or model.name in allowed_models
        ],
    )


def _by_name(rows: Any) -> list[Model]:
    """One of each name: the tenant's own hides the operator's."""
    own_last = rows.order_by(F("tenant_id").asc(nulls_first=True))
    return sorted({model.name: model for model in own_last}.values(), key=lambda model: model.name)


def _by_slug(rows: Any) -> list[Task]:
    own_last = rows.order_by(F("tenant_id").asc(nulls_first=True))
    return sorted({task.slug: task for task in own_last}.values(), key=lambda task: task.slug)


def _chain(task: Task) -> str:
    names: Iterable[str] = dict.fromkeys([task.default_model.name, *(item.model.name for item in task.fallbacks.all())])
    first, *others = names
    chain = _("%(first)s, then %(others)s") % {"first": first, "others": ", ".join(others)} if others else first
    return f"{task.name}. {chain}"


def _about(model: Model) -> str:
    said = [_("at %(provider)s") % {"provider": model.provider.name}]
    price = model.price_at(timezone.now())
    if price is not None:
        costs = {"input": _usd(price.base.input), "output": _usd(price.base.output)}
        said.append(_("$%(input)s in, $%(output)s out per million tokens") % costs)
    else:
        said.append(_("price not known"))
    if model.context_window:
        said.append(_("%(tokens)s tokens of context") % {"tokens": _rounded(model.context_window)})
    return " · ".join(said)


def _usd(picousd_per_token: int) -> str:
    """Per million tokens, with cents and as many digits more as say something: 2.50, 0.15, 0.0375."""
    amount = Decimal(picousd_per_token) / PICO_PER_USD_PER_MTOK
    return f"{amount:.2f}" if amount == round(amount, 2) else f"{amount.normalize():f}"


def _rounded(tokens: int) -> str:
    if tokens >= THOUSAND * THOUSAND:
        return f"{tokens / THOUSAND / THOUSAND:.2g}M"
    return f"{tokens // THOUSAND}k" if tokens >= THOUSAND else str(tokens)
