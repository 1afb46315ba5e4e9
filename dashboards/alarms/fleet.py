"""How the circuit breakers of all models stand, read once for all tenants. One that is held open or closed by hand is nobody's alarm."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django_redis import get_redis_connection

from gateway.models import Model
from gateway.resilience import breaker_states
from gateway.resilience.breakers import CLOSED

AT_ONCE = 200


@dataclass(frozen=True)
class Standing:
    """`owner`: the tenant whose model it is; None: the operator's. `changed_at`: when the breaker last opened or closed, if lately."""

    model_id: UUID
    model: str
    provider: str
    owner: UUID | None
    is_closed: bool
    changed_at: dt.datetime | None


def standings() -> Mapping[str, Standing]:
    """By the model's id. Raises `redis.exceptions.RedisError` if Redis is away."""
    models = list(
        Model.objects.filter(is_active=True, provider__is_active=True, breaker=Model.Breaker.AUTO)
        .select_related("provider")
        .order_by("pk")
    )
    found: dict[str, Standing] = {}
    redis = get_redis_connection("default")
    for start in range(0, len(models), AT_ONCE):
        some = models[start : start + AT_ONCE]
        states = breaker_states.read(redis, [(model.provider_id, model.effective_upstream_id) for model in some])
        for model, state in zip(some, states, strict=True):
            found[str(model.pk)] = Standing(
                model.pk, model.name, model.provider.name, model.tenant_id, state.state == CLOSED, state.since
            )
    return found
