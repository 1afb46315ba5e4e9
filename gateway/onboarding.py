"""How far a tenant has come towards its first answer, found from facts: models it can use, keys that can call, a request that was answered.

Nothing is stored about it, so nothing can be out of date: what was removed again is to be done again.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Q

from billing import prices
from billing.models import DailyUsage
from gateway.models import Model
from gateway.snippets import Chat, Embedding
from tenants.models import ApiKey, Tenant


class Step(enum.Enum):
    """What is to be done next."""

    PROVIDER = "provider"
    KEY = "key"
    REQUEST = "request"


@dataclass(frozen=True)
class Usable:
    """A model that a request of the tenant's can be answered by."""

    name: str
    provider: str
    is_own: bool
    capabilities: frozenset[str]
    price: prices.Price


@dataclass(frozen=True)
class Progress:
    """`keys` are those that can call a model. `unpriced` are models of the tenant's own that are refused for want of a price."""

    models: tuple[Usable, ...]
    unpriced: tuple[str, ...]
    keys: int
    has_request: bool

    @property
    def is_done(self) -> bool:
        return self.has_request

    @property
    def step(self) -> Step | None:
        if self.has_request:
            return None
        if not self.models:
            return Step.PROVIDER
        return Step.REQUEST if self.keys else Step.KEY

    @property
    def is_on_shared_models(self) -> bool:
        """Whether the operator's models are all there is, so that no provider of its own is needed."""
        return bool(self.models) and not any(model.is_own for model in self.models)


def progress(tenant: Tenant, now: dt.datetime) -> Progress:
    """Of a tenant that has been answered, the rest is not looked at."""
    if has_been_answered(tenant):
        return Progress((), (), 0, has_request=True)
    usable, unpriced = _models(tenant, now)
    return Progress(usable, unpriced, usable_keys(tenant, now).count(), has_request=False)


def has_been_answered(tenant: Tenant) -> bool:
    """Whether any request of the tenant's has used tokens, according to the ledger."""
    used = Q(input_tokens__gt=0) | Q(output_tokens__gt=0)
    return DailyUsage.objects.filter(used, tenant=tenant, dimension=DailyUsage.Dimension.TENANT).exists()


def usable_keys(tenant: Tenant, now: dt.datetime) -> Any:
    """Keys that can call a model now."""
    calls = Q(scopes__contains=[ApiKey.Scope.CHAT]) | Q(scopes__contains=[ApiKey.Scope.EMBEDDINGS])
    alive = Q(expires_at=None) | Q(expires_at__gt=now)
    return ApiKey.objects.filter(calls, alive, tenant=tenant, revoked_at=None)


def usable_models(tenant: Tenant, now: dt.datetime) -> tuple[Usable, ...]:
    """The tenant's own first, then the operator's that none of them hides; by name."""
    return _models(tenant, now)[0]


def first_call(models: Sequence[Usable], key: ApiKey | None = None) -> Chat | Embedding | None:
    """A request to begin with: of a key's rights what it may; a chat rather than vectors, with a model of one's own, else the cheapest.

    None where the key, or the tenant, can call nothing.
    """
    allowed = [model for model in models if key is None or not key.allowed_models or model.name in key.allowed_models]
    scopes = set(key.scopes) if key is not None else set(ApiKey.Scope.values)
    for scope, capability in (
        (ApiKey.Scope.CHAT, Model.Capability.CHAT),
        (ApiKey.Scope.EMBEDDINGS, Model.Capability.EMBEDDINGS),
    ):
        able = [model for model in allowed if capability in model.capabilities and scope in scopes]
        if able:
            best = min(
                able, key=lambda model: (not model.is_own, model.price.base.output + model.price.base.input, model.name)
            )
            return Chat(best.name) if capability == Model.Capability.CHAT else Embedding(best.name)
    return None


def _models(tenant: Tenant, now: dt.datetime) -> tuple[tuple[Usable, ...], tuple[str, ...]]:
    visible = Q(tenant=None) | Q(tenant=tenant)
    rows = Model.objects.filter(visible, is_active=True, provider__is_active=True)
    default = prices.default(settings.GATEWAY_DEFAULT_PRICE)
    usable: dict[str, Usable] = {}
    unpriced: list[str] = []
    for row in rows.select_related("provider").defer("provider__credential").order_by("tenant_id", "name"):
        price = row.price_at(now) or default
        if row.name in unpriced:
            continue  # a model of one's own hides the operator's of the same name, also when it cannot be called
        if price is not None:
            is_own = row.tenant_id is not None
            usable.setdefault(row.name, Usable(row.name, row.provider.name, is_own, frozenset(row.capabilities), price))
        elif row.tenant_id is not None:
            unpriced.append(row.name)
    return tuple(sorted(usable.values(), key=lambda model: (not model.is_own, model.name))), tuple(unpriced)
