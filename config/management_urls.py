"""Every address of the management API, as it stands behind /api/v1/ and, for those who are signed in, behind /t/<slug>/api/v1/."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from billing import months  # noqa: F401  (the converter in an address below)
from billing.management_api import alerts, budgets, statements
from gateway.management_api import caches, catalog, judges, keys, requests, routing
from tenants.management_api import people, trail, views

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("keys", keys.Keys, "keys")
router.register("providers", catalog.Providers, "providers")
router.register("models", catalog.Models, "models")
router.register("tasks", routing.Tasks, "tasks")
router.register("context-policies", routing.ContextPolicies, "context-policies")
router.register("rules", routing.Rules, "rules")
router.register("cache-policies", caches.CachePolicies, "cache-policies")
router.register("judges", judges.Judges, "judges")
router.register("budgets", budgets.Budgets, "budgets")
router.register("channels", alerts.Channels, "channels")
router.register("alerts", alerts.Alerts, "alerts")
router.register("end-users", people.EndUsers, "end-users")
router.register("members", people.Members, "members")
router.register("invitations", people.Invitations, "invitations")
router.register("audit-trail", trail.Trail, "audit-trail")
router.register("requests", requests.Requests, "requests")

urlpatterns = [
    *router.urls,
    path("limits", budgets.Limits.as_view(), name="limits"),
    path("statements", statements.Statements.as_view(), name="statements"),
    path("statements/<month:month>", statements.Statement.as_view(), name="statement"),
    path("<path:rest>", views.Nothing.as_view()),
]
