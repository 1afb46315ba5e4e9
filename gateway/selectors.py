"""What the gateway reads from PostgreSQL: whose key it is, a tenant's configuration as one snapshot, which tenants there are."""

from __future__ import annotations

import datetime as dt
import logging
import math
import time
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Prefetch, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from billing import prices
from billing import selectors as billing
from billing.limits import Pace
from billing.windows import Clock
from gateway import judge_policies, models, types
from gateway.models.cache_policy import DEFAULT_MAX_MEGABYTES
from gateway.routing import conditions
from tenants import encryption
from tenants.models import ApiKey, ApiKeySecret, Tenant

logger = logging.getLogger(__name__)
REPLACED_SECRETS_KEPT = dt.timedelta(days=30)


def tenant_of_key(secret_sha256: str) -> UUID | None:
    """The tenant that has (or had) the key; None if the key was never made."""
    return ApiKeySecret.objects.filter(secret_sha256=secret_sha256).values_list("tenant_id", flat=True).first()


def has_key(tenant_id: UUID, key_id: UUID) -> bool:
    """Whether the tenant has the key, or had it before it was revoked."""
    return ApiKey.objects.filter(tenant_id=tenant_id, id=key_id).exists()


def tenant_ids() -> list[UUID]:
    """Every tenant, active or not: records of one just switched off still wait in its stream."""
    return list(Tenant.objects.order_by("id").values_list("id", flat=True))


def snapshot(tenant_id: UUID) -> types.Snapshot | None:
    """The tenant's whole configuration as of one instant; None if there is no such tenant."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        tenant = Tenant.objects.filter(id=tenant_id).first()
        if tenant is None:
            return None
        return _snapshot_of(tenant)


def preview(tenant: Tenant) -> types.Snapshot:
    """As `snapshot`, for a person to look at: read in whatever transaction there is."""
    return _snapshot_of(tenant)


def _snapshot_of(tenant: Tenant) -> types.Snapshot:
    catalog = _catalog(tenant.id)
    changes_at = billing.next_change(tenant.id)
    clock = Clock(tenant.timezone)
    policies = _cache_policies(tenant.id)
    keys = _keys(tenant.id)
    return types.Snapshot(
        tenant_id=tenant.id,
        version=tenant.config_version,
        is_active=tenant.is_active,
        keys=keys,
        models={model.name: model for model in catalog.values()},
        tasks={task.slug: task for task in _tasks(tenant.id, catalog, policies)},
        rules=_rules(tenant.id, catalog, clock.zone),
        limits=judge_policies.with_budget(billing.limits_of(tenant.id), tenant.id),
        clock=clock,
        loaded_at=time.monotonic(),
        semantic=_semantic_standings(tenant.id),
        valid_until=math.inf if changes_at is None else changes_at.timestamp(),
        prefix=_prefix(policies.get("")),
        caching=_caching(policies),
        playground=next((digest for digest, key in keys.items() if key.is_playground), ""),
        content=_content_policy(tenant.id),
        judged=judge_policies.shares(tenant.id),
        measured=judge_policies.measured(tenant.id),
    )


def _content_policy(tenant_id: UUID) -> types.ContentPolicy | None:
    row = models.ContentPolicy.objects.filter(tenant_id=tenant_id, is_on=True).only("tasks", "redacts").first()
    return types.ContentPolicy(frozenset(row.tasks), row.redacts) if row is not None else None


def feedback_on(tenant_id: UUID, request_id: UUID) -> QuerySet[models.Feedback]:
    """What was said of one answer and counts, the newest first."""
    rows = models.Feedback.objects.filter(tenant_id=tenant_id, request_id=request_id, matched_at__isnull=False)
    return rows.prefetch_related("api_key")


def _visible(rows: QuerySet[Any], tenant_id: UUID) -> QuerySet[Any]:
    """Active rows: the operator's, then the tenant's own, so that in a dict by name the tenant's win."""
    return rows.filter(Q(tenant=None) | Q(tenant_id=tenant_id), is_active=True).order_by(
        F("tenant_id").asc(nulls_first=True)
    )


def _catalog(tenant_id: UUID) -> dict[UUID, types.Model]:
    """Models whose provider can be called, by id."""
    providers = _providers(tenant_id)
    rows = (
        models.Model.objects.filter(provider_id__in=providers).select_related("provider").defer("provider__credential")
    )
    now = timezone.now()
    default_price = prices.default(settings.GATEWAY_DEFAULT_PRICE)
    return {
        row.id: types.Model(
            name=row.name,
            upstream_id=row.effective_upstream_id,
            provider=providers[row.provider_id],
            capabilities=frozenset(row.capabilities),
            context_window=row.context_window,
            max_output_tokens=row.max_output_tokens,
            price=row.price_at(now) or default_price,
            created_at=int(row.created_at.timestamp()),
            breaker=row.breaker,
            quality=row.quality,
        )
        for row in _visible(rows, tenant_id)
    }


def _providers(tenant_id: UUID) -> dict[UUID, types.Provider]:
    """Providers by id, but for those whose credential no key opens: one lost key must not stop everybody else."""
    rows = models.Provider.objects.defer("credential").annotate(ciphertext=Cast("credential", TextField()))
    providers: dict[UUID, types.Provider] = {}
    for row in _visible(rows, tenant_id):
        try:
            credential = encryption.decrypt(row.ciphertext) if row.ciphertext else ""
        except encryption.UndecryptableError:
            logger.error("provider %s is left out: its credential opens with none of the encryption keys", row.name)
            continue
        providers[row.id] = types.Provider(
            id=row.id,
            name=row.name,
            kind=row.kind,
            base_url=row.effective_base_url,
            credential=types.Secret(credential),
            is_guarded=row.tenant_id is not None,
        )
    return providers


def _tasks(tenant_id: UUID, catalog: dict[UUID, types.Model], policies: Policies) -> list[types.Task]:
    """Tasks whose chain has at least one model in use."""
    fallbacks = Prefetch("fallbacks", models.TaskFallback.objects.order_by("position"))
    tasks = []
    rows = models.Task.objects.select_related("context_policy__summary_model").prefetch_related(fallbacks)
    for row in _visible(rows, tenant_id):
        ids = dict.fromkeys([row.default_model_id, *(fallback.model_id for fallback in row.fallbacks.all())])
        chain = tuple(catalog[model_id] for model_id in ids if model_id in catalog)
        if chain:
            tasks.append(
                types.Task(
                    slug=row.slug,
                    is_real_time=row.urgency == models.Task.Urgency.REAL_TIME,
                    chain=chain,
                    choice=row.choice(),
                    likely_output_tokens=row.likely_output_tokens,
                    context=_context_policy(getattr(row, "context_policy", None), catalog),
                    prefix=_prefix(policies[row.slug]) if row.slug in policies else None,
                )
            )
    return tasks


def _context_policy(row: models.ContextPolicy | None, catalog: dict[UUID, types.Model]) -> types.ContextPolicy | None:
    if row is None or not row.is_active:
        return None
    summary_model = catalog.get(row.summary_model_id) if row.summary_model_id and row.summarises else None
    return context_policy(row, summary_model=summary_model.name if summary_model else "")


def context_policy(row: models.ContextPolicy, *, summary_model: str) -> types.ContextPolicy:
    """As the gateway reads it, whether it is active or not; `summary_model` empty: nothing is summed up."""
    return types.ContextPolicy(
        keep_messages=row.keep_messages,
        block_messages=row.block_messages,
        fits_budget=row.fits_budget,
        max_input_tokens=row.max_input_tokens,
        relevant_turns=row.relevant_turns,
        least_similarity=row.least_similarity_percent / 100,
        embedding_wait_seconds=row.embedding_wait_ms / 1000,
        summary_model=summary_model,
        summary_tokens=row.summary_tokens,
        collapses_whitespace=row.collapses_whitespace,
        drops_repetition=row.drops_repetition,
    )


def _semantic_standings(tenant_id: UUID) -> dict[str, types.SemanticStanding]:
    return {
        row.task: types.SemanticStanding(
            is_off=row.is_off,
            threshold=row.threshold,
            measure=row.measure,
            base=row.base,
            check_share=float(row.check_percent) / 100,
        )
        for row in models.SemanticWatch.objects.filter(tenant_id=tenant_id)
    }


Policies = dict[str, models.CachePolicy]


def _cache_policies(tenant_id: UUID) -> Policies:
    """By their tasks' slugs; under "" the one for all that has none of its own."""
    # The operator's tasks first, so that a task of the tenant's own goes before one of the same name.
    rows = models.CachePolicy.objects.filter(tenant_id=tenant_id).select_related("task")
    found = rows.order_by(F("task__tenant_id").asc(nulls_first=True))
    return {row.task.slug if row.task is not None else "": row for row in found}


def caching(tenant_id: UUID) -> types.Caching | None:
    """The tenant's cache policies as they are in the snapshot; None if it has none."""
    return _caching(_cache_policies(tenant_id))


def _caching(policies: Policies) -> types.Caching | None:
    """None if there are none."""
    if not policies:
        return None
    rules = {slug: row.rules() for slug, row in policies.items()}
    room = policies[""].max_megabytes if "" in policies else DEFAULT_MAX_MEGABYTES
    return types.Caching(rules.pop("", None), rules, room * 1_048_576)


def _prefix(policy: models.CachePolicy | None) -> types.PrefixPolicy:
    """The operator's switch is over all policies."""
    chosen = policy.prefix_policy() if policy is not None else types.PrefixPolicy()
    return chosen if settings.GATEWAY_PREFIX_CACHE else types.PrefixPolicy(is_on=False)


def _rules(tenant_id: UUID, catalog: dict[UUID, types.Model], zone: dt.tzinfo) -> tuple[types.Rule, ...]:
    """The tenant's own rules by position, then the operator's. One without a usable target takes nothing."""
    targets = Prefetch("targets", models.RoutingTarget.objects.order_by("position"))
    rows = _visible(models.RoutingRule.objects.prefetch_related(targets), tenant_id)
    rules = []
    for row in rows.order_by(F("tenant_id").asc(nulls_last=True), "position", "name", "id"):
        usable = [target for target in row.targets.all() if target.model_id in catalog]
        rules.append(
            types.Rule(
                name=row.name,
                targets=tuple(catalog[target.model_id] for target in usable),
                conditions=(*row.conditions(zone), _served([catalog[target.model_id] for target in usable])),
                choice=row.choice(),
                weights=tuple(target.weight for target in usable),
                id=str(row.id),
                is_own=row.tenant_id is not None,
                names_models=bool(row.requested_models),
            )
        )
    return tuple(rules)


def _served(targets: list[types.Model]) -> types.Condition:
    """What a rule asks for the sake of its targets."""
    if not targets:
        return conditions.Never()
    return conditions.Serves(frozenset().union(*(model.capabilities for model in targets)) & conditions.KINDS)


def _keys(tenant_id: UUID) -> dict[str, types.Key]:
    """By the hash of each secret. One that was replaced stays a while after its end, so that who still sends it is told what happened."""
    rows = ApiKey.objects.filter(tenant_id=tenant_id, revoked_at=None)
    keys = {row.id: _key(row) for row in rows}
    told_until = timezone.now() - REPLACED_SECRETS_KEPT
    secrets = ApiKeySecret.objects.filter(Q(ends_at=None) | Q(ends_at__gt=told_until), tenant_id=tenant_id)
    return {
        secret.secret_sha256: msgspec.structs.replace(
            keys[secret.api_key_id],
            prefix=secret.prefix,
            ends_at=secret.ends_at.timestamp() if secret.ends_at else None,
        )
        for secret in secrets
        if secret.api_key_id in keys
    }


def _key(row: ApiKey) -> types.Key:
    return types.Key(
        id=row.id,
        scopes=frozenset(row.scopes),
        allowed_models=frozenset(row.allowed_models),
        allowed_tasks=frozenset(row.allowed_tasks),
        expires_at=row.expires_at.timestamp() if row.expires_at else None,
        pace=Pace(row.requests_per_minute, row.tokens_per_minute, row.max_concurrency),
        limits=billing.of_key(
            key_id=row.id,
            tokens_per_month=row.tokens_per_month,
            usd_per_month=row.usd_per_month,
            changed_at=row.changed_at,
        ),
        is_playground=row.kind == ApiKey.Kind.PLAYGROUND,
    )
