"""Every tenant-owned model, and a row of each that belongs to a tenant of the cast."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

from django.apps import apps
from django.utils import timezone

from billing.models import AlertDelivery, AlertSettings, AlertsSeen, BudgetRaise, DailyUsage
from dashboards.models import Calendar, Cell, Series, UserDay
from gateway.content import sealing
from gateway.content.sealing import Content
from gateway.judging import ratings
from gateway.models import (
    CachePolicy,
    ContentErasure,
    ContentPolicy,
    ContextPolicy,
    JudgeBudget,
    Judgement,
    JudgePolicy,
    LogChange,
    MeasuredQuality,
    RatingChange,
    RatingDay,
    RequestContent,
    SemanticCheck,
    SemanticEntry,
    SemanticHit,
    SemanticLabel,
    SemanticWatch,
    TaskFallback,
    TraceExport,
)
from tenants.models import Invitation, KeptResult, ManagementKey, SsoConnection, TenantOwned
from tests.cast import Cast, Company

OWNED = sorted(
    (model for model in apps.get_models() if issubclass(model, TenantOwned)), key=lambda model: model._meta.label
)
LABELS = [model._meta.label for model in OWNED]


def row_of(model: type[TenantOwned], company: Company, cast: Cast) -> Any:
    """The company's row of that model; made, if the cast has none."""
    found = next((row for row in company.rows if type(row) is model), None)
    found = found or model._base_manager.filter(tenant=company.tenant).first()
    return found or _MAKERS[model](company, cast)


_MAKERS: dict[Any, Any] = {
    Invitation: lambda company, cast: Invitation.objects.create(
        tenant=company.tenant, email=f"new@{company.tenant.slug}.example", token_sha256=uuid4().hex,
        expires_at=timezone.now() + dt.timedelta(days=1),
    ),
    SsoConnection: lambda company, cast: SsoConnection.objects.create(
        tenant=company.tenant, name="Login", issuer="https://id.example", client_id="tollgate",
        domains=[f"{company.tenant.slug}.example"],
    ),
    ManagementKey: lambda company, cast: ManagementKey.objects.create(
        tenant=company.tenant, name=f"{company.tenant.name} script", prefix="tgm-012345", secret_sha256=uuid4().hex * 2
    ),
    KeptResult: lambda company, cast: KeptResult.objects.create(
        tenant=company.tenant, asked_by="key:x", key=uuid4().hex, request_sha256="0" * 64
    ),
    BudgetRaise: lambda company, cast: BudgetRaise.objects.create(
        budget=company.budget, amount=1000, ends_at=timezone.now() + dt.timedelta(days=1), reason="x"
    ),
    AlertsSeen: lambda company, cast: AlertsSeen.objects.create(
        tenant=company.tenant, user=cast.olga, seen_at=timezone.now()
    ),
    AlertSettings: lambda company, cast: AlertSettings.objects.create(tenant=company.tenant),
    AlertDelivery: lambda company, cast: AlertDelivery.objects.create(
        tenant=company.tenant, alert=company.alert, channel=company.channel
    ),
    DailyUsage: lambda company, cast: DailyUsage.objects.create(
        tenant=company.tenant, day=dt.date(2026, 10, 1), dimension="tenant", subject="", requests=1, input_tokens=1,
        cache_read_tokens=0, output_tokens=1, cost_usd=1,
    ),
    TaskFallback: lambda company, cast: TaskFallback.objects.create(task=company.task, model=cast.model),
    CachePolicy: lambda company, cast: CachePolicy.objects.create(tenant=company.tenant),
    ContextPolicy: lambda company, cast: ContextPolicy.objects.create(task=company.task),
    SemanticEntry: lambda company, cast: SemanticEntry.objects.create(
        tenant=company.tenant, scope=bytes(32), question_sha256=bytes(32), question="What do you sell?", embedder="minilm",
        embedding=[1.0, 0.0], surface="openai", is_stream=False, body=b"", model="m", provider="p", request_id=uuid4(), input_tokens=1,
        output_tokens=1, cost_nanousd=1, answered_at=timezone.now(), expires_at=timezone.now(), stale_until=timezone.now(),
    ),
    SemanticHit: lambda company, cast: SemanticHit.objects.create(
        tenant=company.tenant, request_id=uuid4(), entry_id=uuid4(), similarity=1, at=timezone.now()
    ),
    SemanticLabel: lambda company, cast: SemanticLabel.objects.create(
        tenant=company.tenant, request_id=uuid4(), similarity=1, is_right=True, source="thumb"
    ),
    SemanticCheck: lambda company, cast: SemanticCheck.objects.create(
        tenant=company.tenant, request_id=uuid4(), entry_id=uuid4(), origin=uuid4(), similarity=1, hit_at=timezone.now()
    ),
    SemanticWatch: lambda company, cast: SemanticWatch.objects.create(tenant=company.tenant, task="bound"),
    JudgePolicy: lambda company, cast: JudgePolicy.objects.create(
        tenant=company.tenant, task="bound", rubric="Is right.", judge="m"
    ),
    JudgeBudget: lambda company, cast: JudgeBudget.objects.create(tenant=company.tenant),
    Judgement: lambda company, cast: Judgement.objects.create(
        tenant=company.tenant, request_id=uuid4(), model="m", provider="p", answered_at=timezone.now()
    ),
    MeasuredQuality: lambda company, cast: MeasuredQuality.objects.create(
        tenant=company.tenant, task="bound", model="m", quality=80, answers=100, source="votes"
    ),
    LogChange: lambda company, cast: LogChange.objects.create(
        tenant=company.tenant, accepted_at=timezone.now(), record_id=company.request.id
    ),
    ContentPolicy: lambda company, cast: ContentPolicy.objects.create(tenant=company.tenant),
    ContentErasure: lambda company, cast: ContentErasure.objects.create(tenant=company.tenant, end_user="x"),
    RequestContent: lambda company, cast: RequestContent.objects.create(
        id=company.request.request_id, tenant=company.tenant, accepted_at=timezone.now(), prompt_bytes=16, answer_bytes=2, is_cut=False,
        sealed=sealing.close(row_of(ContentPolicy, company, cast).secret, Content('{"messages": []}', "{}")),
    ),
    RatingChange: lambda company, cast: RatingChange.objects.create(tenant=company.tenant, at=timezone.now()),
    RatingDay: lambda company, cast: RatingDay.objects.create(
        tenant=company.tenant, zone="UTC", day=timezone.now().date(), band=-1,
        **dict.fromkeys(ratings.ALL, 0),
    ),
    TraceExport: lambda company, cast: TraceExport.objects.create(
        tenant=company.tenant, accepted_at=timezone.now(), request_id=company.request.request_id
    ),
    Series: lambda company, cast: Series.objects.create(tenant=company.tenant, shape=1, labels=["x"]),
    Calendar: lambda company, cast: Calendar.objects.create(tenant=company.tenant, zone="UTC"),
    UserDay: lambda company, cast: UserDay.objects.create(
        level=3, tenant=company.tenant, bucket=timezone.now(), entries=b""
    ),
    Cell: lambda company, cast: Cell.objects.create(
        level=1, tenant=company.tenant, shape=1, bucket=timezone.now(), series_id=1
    ),
}  # fmt: skip
