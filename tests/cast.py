"""The fixed cast of the tests: Alice owns Acme, Ada administers it, Bob is on the team, Vera looks on; Charlie is Globex's and must see
nothing of Acme; Olga operates Tollgate. Each tenant has a row of every kind, as has the operator.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from allauth.account.models import EmailAddress
from auditlog.context import disable_auditlog
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing.models import Alert, AlertChannel, Budget, Plan, PlanTier, Subscription
from gateway.models import (
    CachePolicy,
    ContextPolicy,
    Feedback,
    LabeledAnswer,
    Model,
    Provider,
    QualityModel,
    RequestLog,
    RoutingRule,
    RoutingTarget,
    SemanticCheck,
    SemanticWatch,
    Task,
    TaskFallback,
)
from gateway.quality import shipped
from tenants import api_keys
from tenants.console import addresses
from tenants.ids import uuid7
from tenants.models import ApiKey, EndUser, Membership, Tenant

CREDENTIAL = "sk-upstream-do-not-show-0123456789"


@dataclass
class Company:
    """A tenant and a row of every kind that it owns."""

    tenant: Tenant
    key: api_keys.RevealedKey
    end_user: EndUser
    subscription: Subscription
    provider: Provider
    model: Model
    task: Task
    rule: RoutingRule
    request: RequestLog
    budget: Budget
    alert: Alert
    channel: AlertChannel
    label: LabeledAnswer
    feedback: Feedback
    quality_model: QualityModel
    semantic_watch: SemanticWatch
    semantic_check: SemanticCheck
    cache_policy: CachePolicy

    @property
    def rows(self) -> list[Any]:
        return [
            self.tenant,
            self.key.api_key,
            self.end_user,
            self.subscription,
            self.provider,
            self.model,
            self.task,
            self.rule,
            self.request,
            self.budget,
            self.alert,
            self.channel,
            self.label,
            self.feedback,
            self.quality_model,
            self.semantic_watch,
            self.semantic_check,
            self.cache_policy,
        ]


@dataclass
class Cast:
    plan: Plan
    provider: Provider
    model: Model
    task: Task
    rule: RoutingRule
    acme: Company
    globex: Company
    olga: User
    alice: User
    ada: User
    bob: User
    vera: User
    charlie: User


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


class ConsoleClient(Client):
    """A client in a tenant's console: an address of the operators' site leads it to the same page there."""

    def __init__(self, tenant: Tenant) -> None:
        super().__init__()
        self.home = addresses.console(tenant.slug)

    def at(self, path: str) -> str:
        """The address in the console of what is at `path` on the operators' site."""
        operators = reverse("admin:index")
        return self.home + path.removeprefix(operators) if path.startswith(operators) else path

    def generic(self, method: str, path: str, *args: Any, **kwargs: Any) -> Any:
        return super().generic(method, self.at(path), *args, **kwargs)


def in_console(user: User, tenant: Tenant) -> ConsoleClient:
    client = ConsoleClient(tenant)
    client.force_login(user)
    return client


def at_work(user: User) -> Client:
    """Logged in where the person works: an operator at /admin/, a member in the console of their tenant."""
    membership = Membership.objects.select_related("tenant").filter(user=user).first()
    return logged_in(user) if membership is None else in_console(user, membership.tenant)


def request_row(tenant: Tenant, key: ApiKey, **fields: Any) -> RequestLog:
    """A request in the log, as the drain writes it."""
    accepted_at = fields.pop("accepted_at", timezone.now())
    request_id = UUID(int=uuid7(int(accepted_at.timestamp() * 1000)).int & ~0xFF)
    values: dict[str, Any] = {
        "id": UUID(int=request_id.int | 1),
        "accepted_at": accepted_at,
        "request_id": request_id,
        "attempt": 1,
        "tenant": tenant,
        "api_key": key,
        "endpoint": "chat.completions",
        "model_asked": "task/summarise",
        "model_served": "gpt-4o-mini",
        "provider": "openai",
        "is_stream": True,
        "status": 200,
        "outcome": "ok",
        "input_tokens": 1000,
        "cache_read_tokens": 600,
        "cache_write_5m_tokens": 0,
        "cache_write_1h_tokens": 0,
        "output_tokens": 50,
        "reasoning_tokens": 0,
        "usage_source": "reported",
        "cost_usd": "0.000123456",
        "is_priced": True,
        "latency_ms": 812.5,
        "ttft_ms": 301.2,
        "steps_us": {"validate": 40, "reserve": 300, "first_byte": 300_000, "stream": 511_000},
    }
    row = RequestLog(**{**values, **fields})
    row.save(force_insert=True)
    return row


def crossing(budget: Budget) -> Alert:
    """A crossing of 80 % in this budget's month."""
    return Alert.objects.create(
        tenant=budget.tenant,
        source=str(budget.id),
        budget=budget,
        name=budget.name,
        dimension="tenant",
        metric=budget.metric,
        window=budget.window,
        window_start=timezone.now() - dt.timedelta(days=3),
        threshold=80,
        amount=budget.amount,
        used=budget.amount * 8 / 10,
    )


def vote_on(request: RequestLog, **fields: Any) -> Feedback:
    """A thumb on the answer, by its end user, as it stands when it counts."""
    values: dict[str, Any] = {
        "tenant": request.tenant,
        "request_id": request.request_id,
        "voter": f"user:{uuid4().hex[:16]}",
        "end_user": request.end_user,
        "source": Feedback.Source.TOKEN,
        "rating": Feedback.Rating.DOWN,
        "reasons": ["incorrect"],
        "comment": f"{request.tenant.name} sells no anvils.",
        "created_at": timezone.now(),
        "changed_at": timezone.now(),
        "asked_at": request.accepted_at,
        "matched_at": timezone.now(),
        "model": request.model_served,
    }
    return Feedback.objects.create(**{**values, **fields})


def company(name: str, plan: Plan, **request_fields: Any) -> Company:
    slug = f"{name.lower()}-{uuid4().hex[:8]}"
    tenant = Tenant.objects.create(name=name, slug=slug, timezone="Europe/Vienna")
    key = api_keys.create(tenant, name=f"{name} bot")
    provider = Provider.objects.create(
        tenant=tenant, name=f"{slug}-up", kind="openai-compatible", base_url="http://10.1.2.3/v1", credential=CREDENTIAL
    )
    model = Model.objects.create(tenant=tenant, provider=provider, name=f"{slug}-model", capabilities=["chat"])
    task = Task.objects.create(tenant=tenant, slug=f"{slug}-task", name=f"{name}'s task", default_model=model)
    rule = RoutingRule.objects.create(tenant=tenant, name=f"{name}'s rule", tasks=[task.slug])
    RoutingTarget.objects.create(rule=rule, model=model)
    budget = Budget.objects.create(tenant=tenant, name=f"{name}'s month", amount=100)
    request = request_row(tenant, key.api_key, end_user=f"{slug}-customer", **request_fields)
    return Company(
        tenant=tenant,
        key=key,
        end_user=EndUser.objects.create(tenant=tenant, external_id=f"{slug}-customer"),
        subscription=Subscription.objects.create(
            tenant=tenant, plan=plan, started_at=timezone.now() - dt.timedelta(days=1)
        ),
        provider=provider,
        model=model,
        task=task,
        rule=rule,
        request=request,
        feedback=vote_on(request),
        budget=budget,
        alert=crossing(budget),
        channel=AlertChannel.objects.create(
            tenant=tenant,
            name=f"{name}'s ears",
            kind="email",
            target=f"alerts@{slug}.example.com",
            confirmed_at=timezone.now(),
        ),
        label=LabeledAnswer.objects.create(
            tenant=tenant,
            task=task.slug,
            request_id=uuid4(),
            prompt=f"What does {name} sell?",
            answer="Anvils.",
            is_good=True,
            source=LabeledAnswer.Source.THUMBS,
        ),
        quality_model=QualityModel.objects.create(
            tenant=tenant,
            version=1,
            payload=shipped.read()["payload"],
            metrics={"auc": 0.75, "brier": 0.2, "n": 40},
            rows=160,
            trained_at=timezone.now(),
        ),
        semantic_watch=SemanticWatch.objects.create(tenant=tenant, task=task.slug),
        semantic_check=SemanticCheck.objects.create(
            tenant=tenant,
            request_id=uuid4(),
            entry_id=uuid4(),
            origin=uuid4(),
            task=task.slug,
            similarity=0.97,
            status=SemanticCheck.Status.WRONG,
            how="judged",
            hit_at=timezone.now(),
            checked_at=timezone.now(),
        ),
        cache_policy=CachePolicy.objects.create(tenant=tenant, task=task),
    )


def _user(name: str, **fields: Any) -> User:
    email = f"{name}-{uuid4().hex[:8]}@example.com"
    user = User.objects.create(username=email, email=email, first_name=name, **fields)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


@pytest.fixture
def cast(db: None) -> Cast:
    with disable_auditlog():  # the trail begins with what the test does; this is also half the work
        return build_cast()


def build_cast() -> Cast:
    mark = uuid4().hex[:8]
    plan = Plan.objects.create(name=f"Team {mark}", slug=f"team-{mark}", max_input_tokens=4096)
    PlanTier.objects.create(plan=plan, tier="free", tokens_per_day=50_000)
    provider = Provider.objects.create(name=f"openai-{mark}", kind="openai", credential=CREDENTIAL)
    model = Model.objects.create(
        provider=provider, name=f"gpt-4o-mini-{mark}", upstream_id="gpt-4o-mini", capabilities=["chat"]
    )
    other = Model.objects.create(provider=provider, name=f"gpt-4o-{mark}", upstream_id="gpt-4o", capabilities=["chat"])
    task = Task.objects.create(slug=f"summarise-{mark}", name="Summarise", default_model=model)
    TaskFallback.objects.create(task=task, model=other)
    ContextPolicy.objects.create(task=task)
    rule = RoutingRule.objects.create(name=f"Cheap summaries {mark}", tasks=[task.slug])
    RoutingTarget.objects.create(rule=rule, model=model, position=1)
    RoutingTarget.objects.create(rule=rule, model=other, position=2)
    acme, globex = company("Acme", plan), company("Globex", plan)
    people = {name: _user(name) for name in ("alice", "ada", "bob", "vera", "charlie")}
    roles = {"alice": "owner", "ada": "admin", "bob": "developer", "vera": "viewer"}
    for name, role in roles.items():
        Membership.objects.create(tenant=acme.tenant, user=people[name], role=role)
    Membership.objects.create(tenant=globex.tenant, user=people["charlie"], role="owner")
    return Cast(
        plan=plan,
        provider=provider,
        model=model,
        task=task,
        rule=rule,
        acme=acme,
        globex=globex,
        olga=_user("olga", is_superuser=True),
        **people,
    )
