"""Every address of the management API, as it stands behind /api/v1/ and, for those who are signed in, behind /t/<slug>/api/v1/."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from gateway.management_api import caches, catalog, keys, requests, routing
from tenants.management_api import views

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("keys", keys.Keys, "keys")
router.register("providers", catalog.Providers, "providers")
router.register("models", catalog.Models, "models")
router.register("tasks", routing.Tasks, "tasks")
router.register("context-policies", routing.ContextPolicies, "context-policies")
router.register("rules", routing.Rules, "rules")
router.register("cache-policies", caches.CachePolicies, "cache-policies")
router.register("requests", requests.Requests, "requests")

urlpatterns = [
    *router.urls,
    path("<path:rest>", views.Nothing.as_view()),
]
