"""Every address of the management API, as it stands behind /api/v1/ and, for those who are signed in, behind /t/<slug>/api/v1/."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from gateway.management_api import keys
from tenants.management_api import views

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("keys", keys.Keys, "keys")

urlpatterns = [
    *router.urls,
    path("<path:rest>", views.Nothing.as_view()),
]
