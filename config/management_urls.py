"""Every address of the management API, as it stands behind /api/v1/ and, for those who are signed in, behind /t/<slug>/api/v1/."""

from __future__ import annotations

from typing import Any

from django.urls import path, re_path
from rest_framework.routers import SimpleRouter

from billing import months  # noqa: F401  (the converter in an address below)
from billing.management_api import alert_settings, alerts, budgets, plans, statements
from dashboards.management_api import metrics
from gateway.management_api import caches, catalog, content, judges, keys, quality, requests, routing
from tenants.management_api import people, settings, trail, views

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("keys", keys.Keys, "keys")
router.register("providers", catalog.Providers, "providers")
router.register("models", catalog.Models, "models")
router.register("tasks", routing.Tasks, "tasks")
router.register("context-policies", routing.ContextPolicies, "context-policies")
router.register("rules", routing.Rules, "rules")
router.register("cache-policies", caches.CachePolicies, "cache-policies")
router.register("judges", judges.Judges, "judges")
router.register("judgements", judges.Judgements, "judgements")
router.register("measured-quality", judges.Measured, "measured-quality")
router.register("budgets", budgets.Budgets, "budgets")
router.register("channels", alerts.Channels, "channels")
router.register("alerts", alerts.Alerts, "alerts")
router.register("end-users", people.EndUsers, "end-users")
router.register("members", people.Members, "members")
router.register("invitations", people.Invitations, "invitations")
router.register("audit-trail", trail.Trail, "audit-trail")
router.register("requests", requests.Requests, "requests")
router.register("content", content.Contents, "content")
router.register("feedback", quality.Votes, "feedback")
router.register("labels", quality.Labels, "labels")
router.register("quality-models", quality.Versions, "quality-models")
router.register("semantic-caches", quality.Watches, "semantic-caches")
router.register("semantic-checks", quality.Checks, "semantic-checks")
router.register("subscriptions", plans.Subscriptions, "subscriptions")

READ_AND_CHANGE: dict[str, Any] = {"get": "retrieve", "patch": "partial_update"}
WHOLE: dict[str, Any] = {**READ_AND_CHANGE, "post": "create", "delete": "destroy"}

urlpatterns = [
    *router.urls,
    path("tenant", settings.Settings.as_view(READ_AND_CHANGE, basename="tenant"), name="tenant"),
    path("single-sign-on", settings.SingleSignOn.as_view(WHOLE, basename="single-sign-on"), name="single-sign-on"),
    path(
        "alert-settings",
        alert_settings.Settings.as_view(READ_AND_CHANGE, basename="alert-settings"),
        name="alert-settings",
    ),
    path("judges-budget", judges.JudgesBudget.as_view(READ_AND_CHANGE, basename="judges-budget"), name="judges-budget"),
    path("metrics", metrics.Metrics.as_view(), name="metrics"),
    path("metrics/names", metrics.Names.as_view(), name="metrics-names"),
    path("content-policy", content.Policy.as_view(), name="content-policy"),
    path("limits", budgets.Limits.as_view(), name="limits"),
    path("statements", statements.Statements.as_view(), name="statements"),
    path("statements/<month:month>", statements.Statement.as_view(), name="statement"),
    # Whatever is left, also where it has a line break, which `path` does not take.
    re_path(r"(?P<rest>[\s\S]*)", views.Nothing.as_view()),
]
