"""Every address there is, as the resolver knows it, led to Acme's rows; and what is in the database, to see that nothing has changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from django.apps import apps
from django.db import connection
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from billing.models import AlertDelivery, Budget, BudgetRaise
from gateway.models import RequestContent
from tenants.models import Invitation, ManagementKey, Membership, TenantOwned
from tenants.sites import console
from tests.cast import Cast
from tests.tenants.bound_rows import row_of

NOISE = ["last_used_at", "last_opened_at", "last_login"]  # what merely being there notes
NOT_DATA = ("django_session", "django_migrations")


def routes(resolver: Any, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for item in resolver.url_patterns:
        route = before + str(item.pattern)
        if isinstance(item, URLResolver):
            yield from routes(item, route)
        else:
            yield route, item


def of_site(urlconf: str, *, within: str = "", without: tuple[str, ...] = ("(",)) -> list[tuple[str, URLPattern]]:
    """Those that begin with `within`, and with nothing in `without`; patterns that only catch the rest are left out."""
    found = routes(get_resolver(urlconf))
    wanted = [(route, item) for route, item in found if route.startswith(within) and not route.startswith(without)]
    return [(route, item) for route, item in wanted if "(?P" not in route]


MODELS = {f"{model._meta.app_label}_{model._meta.model_name}": model for model in console._registry}
STANDARD = ("changelist", "add", "change", "delete", "history")


def model_page(name: str) -> tuple[Any, str] | None:
    """The model and the kind of page, if it is one of those that every model has."""
    model, _mark, kind = name.rpartition("_")
    return (MODELS[model], kind) if model in MODELS and kind in STANDARD else None


def filled(route: str, item: URLPattern, cast: Cast) -> str:
    """The address with Acme's rows in the place of arguments."""
    address = route
    for name, converter in item.pattern.converters.items():
        kind = type(converter).__name__.removesuffix("Converter").lower()
        value = _argument(name, kind, route, item.name or "", cast)
        for spelled in (f"<{kind}:{name}>", f"<{name}>", f"<str:{name}>"):
            address = address.replace(spelled, quote(str(value), safe=""))
    return address


def _argument(name: str, kind: str, route: str, url_name: str, cast: Cast) -> Any:
    acme = cast.acme
    named: dict[str, Any] = {
        "budget_id": lambda: acme.budget.pk,
        "channel_id": lambda: acme.channel.pk,
        "raise_id": lambda: row_of(BudgetRaise, acme, cast).pk,
        "delivery_id": lambda: row_of(AlertDelivery, acme, cast).pk,
        "request_id": lambda: row_of(RequestContent, acme, cast).pk,
        "rule_id": lambda: acme.rule.pk,
        "task_slug": lambda: acme.task.slug,
        "task_id": lambda: acme.task.pk,
        "secret_id": lambda: acme.key.api_key.secrets.get().pk,
        "month": lambda: "2026-10",
        "setting": lambda: "open",
        "slug": lambda: "cost",
        "key": lambda: "spend",
        "object_id": lambda: _row(route.split("<")[0], cast),
        "pk": lambda: _named_row(route, cast),
    }
    return named[name]() if name in named else {"int": 1, "slug": "x"}.get(kind, "x")


def _row(before: str, cast: Cast) -> Any:
    """Of the model whose pages are at `app/model/`."""
    if before.strip("/").split("/")[-1] == "r":  # a row of any kind, by its content type
        return "x"
    app_label, model_name = before.strip("/").split("/")[-2:]
    model: Any = apps.get_model(app_label, model_name)
    if issubclass(model, TenantOwned):
        return row_of(model, cast.acme, cast).pk
    found = {"tenant": cast.acme.tenant, "user": cast.vera, "plan": cast.plan}.get(model_name)
    return found.pk if found is not None else model._default_manager.values_list("pk", flat=True).first() or 1


def _named_row(route: str, cast: Cast) -> Any:
    acme = cast.acme
    vera = Membership.objects.get(user=cast.vera)
    rows: dict[str, Any] = {
        "keys": acme.key.api_key, "providers": acme.provider, "models": acme.model, "tasks": acme.task,
        "rules": acme.rule, "cache-policies": acme.cache_policy, "budgets": acme.budget, "channels": acme.channel,
        "alerts": acme.alert, "end-users": acme.end_user, "members": vera, "team": vera, "requests": acme.request,
        "feedback": acme.feedback, "labels": acme.label, "quality-models": acme.quality_model,
        "semantic-caches": acme.semantic_watch, "semantic-checks": acme.semantic_check, "subscriptions": acme.subscription,
    }  # fmt: skip
    noun = route.removeprefix("api/v1/").split("/")[0]
    if "invitations" in route:
        return row_of(Invitation, acme, cast).pk
    if noun == "content":
        return row_of(RequestContent, acme, cast).pk
    if noun == "management-keys":
        return row_of(ManagementKey, acme, cast).pk
    if noun == "context-policies":
        return row_of(apps.get_model("gateway", "ContextPolicy"), acme, cast).pk
    of_gateway = {"judges": "JudgePolicy", "judgements": "Judgement", "measured-quality": "MeasuredQuality"}
    if noun in of_gateway:
        return row_of(apps.get_model("gateway", of_gateway[noun]), acme, cast).pk
    if noun == "audit-trail":
        return _entry(cast)
    return rows[noun].pk


def _entry(cast: Cast) -> int:
    from auditlog.models import LogEntry

    from tenants import audit

    return int(audit.of_tenant(LogEntry.objects.all(), cast.acme.tenant).values_list("pk", flat=True)[0])


def everything() -> dict[str, str]:
    """A digest of each table's rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relname <> ALL(%s) "
            "AND relnamespace = 'public'::regnamespace",
            [list(NOT_DATA)],
        )
        tables = [name for (name,) in cursor.fetchall()]
        digest = (
            "SELECT md5(string_agg(x, '' ORDER BY x)) FROM (SELECT (to_jsonb(t) - %s::text[])::text AS x FROM {} t) s"
        )
        cursor.execute(
            " UNION ALL ".join(f"SELECT '{name}', ({digest.format(name)})" for name in tables), [NOISE] * len(tables)
        )
        return dict(cursor.fetchall())


def prepare(cast: Cast) -> None:
    """Every row that an address may lead to is there before anybody asks."""
    of_gateway = [apps.get_model("gateway", name) for name in ("ContextPolicy", "JudgePolicy", "JudgeBudget")]
    for model in (BudgetRaise, AlertDelivery, Invitation, ManagementKey, RequestContent, *of_gateway):
        row_of(model, cast.acme, cast)
    for model in MODELS.values():
        if issubclass(model, TenantOwned):
            row_of(model, cast.acme, cast)
    Budget.objects.filter(pk=cast.acme.budget.pk).update(changed_at=timezone.now() - dt.timedelta(days=1))
