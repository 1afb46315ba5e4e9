"""Writes the demonstration (`config.demo`) into the database: what is missing is made, what a person changed is left alone."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.utils import timezone

from billing.models import AlertChannel, Budget, BudgetRaise, Plan, PlanTier, Subscription
from config import demo
from config.management.demo_secrets import DemoSecrets
from gateway.models import CachePolicy, Model, Provider, RoutingRule, RoutingTarget, Task, TaskFallback
from tenants import api_keys
from tenants.encryption import UndecryptableError
from tenants.models import ApiKey, EndUser, Membership, Tenant

SIMULATOR_CREDENTIAL = "sk-simulator"
CHANGED = "(changed since)"


def is_seeded() -> bool:
    """Whether this database has had the demonstration: then only logins, keys and the simulator's address are looked after."""
    return Tenant.objects.filter(slug=demo.TENANTS[0].slug).exists()


def people(kept: DemoSecrets) -> None:
    """The operator and the tenants' people, those that are missing. Needs the tenants."""
    _user(kept, demo.OPERATOR_EMAIL, "Operator", is_superuser=True)
    for wanted in demo.TENANTS:
        tenant = Tenant.objects.filter(slug=wanted.slug).first()
        for person in wanted.people:
            user, is_new = _user(kept, person.email, person.name)
            if tenant is not None and is_new:
                Membership.objects.get_or_create(tenant=tenant, user=user, defaults={"role": person.role})


def _user(kept: DemoSecrets, email: str, name: str, **flags: bool) -> tuple[User, bool]:
    user = User.objects.filter(username=email).first()
    if user is not None:
        return user, False
    user = User.objects.create_user(email, email, kept.password(email), first_name=name, **flags)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)  # nobody reads these addresses
    return user, True


def password_of(kept: DemoSecrets, email: str) -> str:
    """The password as kept, or a note that somebody has set another one."""
    password = kept.password(email)
    return password if User.objects.get(username=email).check_password(password) else CHANGED


def plans() -> None:
    for wanted in demo.PLANS:
        values = {
            "name": wanted.name,
            "description": wanted.description,
            "price_usd_per_month": wanted.price_usd_per_month,
            **wanted.limits,
        }
        plan, is_new = Plan.objects.get_or_create(slug=wanted.slug, defaults=values)
        if is_new:
            for tier, tokens in demo.TIERS.items():
                PlanTier.objects.create(plan=plan, tier=tier, tokens_per_day=tokens)


def tenants() -> None:
    for wanted in demo.TENANTS:
        tenant, is_new = Tenant.objects.get_or_create(
            slug=wanted.slug, defaults={"name": wanted.name, "timezone": wanted.timezone}
        )
        if is_new:
            plan = Plan.objects.get(slug=wanted.plan)
            Subscription.objects.create(tenant=tenant, plan=plan, started_at=timezone.now())
            for external_id, tier in wanted.end_users.items():
                EndUser.objects.create(tenant=tenant, external_id=external_id, tier=tier)


def keys(kept: DemoSecrets) -> None:
    """The tenants' keys: a deleted one comes back with the same secret, a revoked or expired one is followed by a new one."""
    for wanted in demo.TENANTS:
        tenant = Tenant.objects.filter(slug=wanted.slug).first()
        for name in wanted.keys if tenant is not None else ():
            place = f"{wanted.slug}/{name}"
            secret = kept.api_key(place)
            present = ApiKey.objects.filter(secrets__secret_sha256=api_keys.digest(secret)).first() if secret else None
            if present is not None and present.is_usable:
                continue
            if secret is None or present is not None:
                secret = api_keys.new_secret()
            api_key = ApiKey(tenant=tenant, name=name, scopes=list(ApiKey.Scope.values))
            api_keys.add(api_key, secret=secret)
            kept.keep_api_key(place, secret)


def caches() -> None:
    """The tenants' cache policies, those that are missing. Needs tenants and tasks."""
    for wanted in demo.CACHES:
        tenant = Tenant.objects.get(slug=wanted.tenant)
        task = Task.objects.get(tenant=None, slug=wanted.task)
        values = {"ttl_seconds": wanted.ttl_seconds, "scope": wanted.scope}
        CachePolicy.objects.get_or_create(tenant=tenant, task=task, defaults=values)


def budgets() -> None:
    """The tenants' budgets, those that are missing. Needs tenants and keys."""
    for wanted in demo.BUDGETS:
        tenant = Tenant.objects.get(slug=wanted.tenant)
        values = {
            "scope": wanted.scope,
            "api_key": ApiKey.objects.filter(tenant=tenant, name=wanted.key).first() if wanted.key else None,
            "subject": wanted.subject,
            "metric": wanted.metric,
            "window": wanted.window,
            "amount": wanted.amount,
            "thresholds": list(wanted.thresholds),
            "cheaper_at": wanted.cheaper_at,
        }
        budget, is_new = Budget.objects.get_or_create(tenant=tenant, name=wanted.name, defaults=values)
        if is_new and wanted.raised_to is not None:
            now = timezone.now()
            BudgetRaise.objects.create(
                tenant=tenant,
                budget=budget,
                amount=wanted.raised_to,
                starts_at=now,
                ends_at=now + dt.timedelta(days=7),
                reason=wanted.reason,
            )


def channels() -> None:
    """Who is told of alerts, those that are missing. Needs tenants."""
    for wanted in demo.CHANNELS:
        tenant = Tenant.objects.get(slug=wanted.tenant)
        values = {"kind": "email", "target": wanted.address, "confirmed_at": timezone.now()}
        AlertChannel.objects.get_or_create(tenant=tenant, name=wanted.name, defaults=values)


def providers(kept: DemoSecrets, *, simulator_url: str, environment: Mapping[str, str]) -> str:
    """The providers as the environment wants them, unless a person changed them; returns who answers, for people to read."""
    answering = []
    for wanted in demo.PROVIDERS:
        values = _desired(wanted, simulator_url, environment)
        provider = Provider.objects.filter(tenant=None, name=wanted.name).first() if _opens(wanted.name) else None
        if provider is None and not Provider.objects.filter(tenant=None, name=wanted.name).exists():
            provider = Provider(name=wanted.name, kind=wanted.kind)
            kept.keep_seeded(wanted.name, fingerprint(provider))
        if provider is None:
            continue
        is_as_seeded = fingerprint(provider) == kept.seeded(wanted.name)
        if not is_as_seeded and provider.credential == SIMULATOR_CREDENTIAL and simulator_url:
            values = {"base_url": simulator_url + wanted.simulator_path}  # the rest is as somebody wants it
            is_as_seeded = True
        if is_as_seeded and (provider._state.adding or _differs(provider, values)):
            for name, value in values.items():
                setattr(provider, name, value)
            provider.save()
            kept.keep_seeded(wanted.name, fingerprint(provider))
        if provider.is_active:
            is_simulated = bool(simulator_url) and provider.base_url.startswith(simulator_url)
            answering.append("simulator" if is_simulated else wanted.name)
    names = sorted(set(answering) - {"simulator"})
    if len(names) == len(demo.PROVIDERS):
        return "providers"
    return " + ".join([*names, "simulator"] if "simulator" in answering else names) or "nobody"


def _desired(wanted: demo.DemoProvider, simulator_url: str, environment: Mapping[str, str]) -> dict[str, Any]:
    credential = environment.get(wanted.variable, "").strip()
    if credential:
        return {"base_url": "", "credential": credential, "is_active": True}
    if simulator_url:
        url = simulator_url + wanted.simulator_path
        return {"base_url": url, "credential": SIMULATOR_CREDENTIAL, "is_active": True}
    return {"base_url": "", "credential": "", "is_active": False}


def _opens(name: str) -> bool:
    """Whether the provider's credential can be read: one that cannot is left to a person."""
    try:
        list(Provider.objects.filter(tenant=None, name=name))
    except UndecryptableError:
        return False
    return True


def _differs(provider: Provider, values: Mapping[str, Any]) -> bool:
    return any(getattr(provider, name) != value for name, value in values.items())


def fingerprint(provider: Provider) -> str:
    """What tells whether somebody changed the provider; a hash, as the credential is part of it."""
    parts = (provider.base_url, provider.credential, str(provider.is_active), provider.kind)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def catalog() -> None:
    """Models, tasks and rules, those that are missing. Needs tenants and providers."""
    for wanted in demo.MODELS:
        provider = Provider.objects.defer("credential").get(tenant=None, name=wanted.provider)
        values = {
            "provider": provider,
            "capabilities": list(wanted.capabilities),
            "context_window": wanted.context_window,
            "max_output_tokens": wanted.max_output_tokens,
            "quality": wanted.quality,
        }
        Model.objects.get_or_create(tenant=None, name=wanted.name, defaults=values)
    models = {model.name: model for model in Model.objects.filter(tenant=None)}
    for task in demo.TASKS:
        first, *others = (models[name] for name in task.chain)
        values = {"name": task.name, "urgency": task.urgency, "default_model": first}
        row, is_new = Task.objects.get_or_create(tenant=None, slug=task.slug, defaults=values)
        for position, model in enumerate(others if is_new else [], start=1):
            TaskFallback.objects.create(task=row, position=position, model=model)
    for rule in demo.RULES:
        tenant = Tenant.objects.get(slug=rule.tenant) if rule.tenant else None
        made, is_new = RoutingRule.objects.get_or_create(
            tenant=tenant, name=rule.name, defaults={"position": rule.position, **rule.says}
        )
        for position, (name, weight) in enumerate(rule.targets.items() if is_new else (), start=1):
            RoutingTarget.objects.create(rule=made, position=position, model=models[name], weight=weight)
