"""Every address of Tollgate. What is under /v1/ is served by the lean handler (`config.asgi`) from the same patterns."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from gateway.api import health
from tenants.console import front

urlpatterns = [
    path("", front.front, name="front"),
    path("t/", front.tenants, name="tenants"),  # what follows a slug there is in `config.console_urls`
    path("account/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("v1/", include("gateway.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]
handler403 = "tenants.console.errors.forbidden"
handler404 = "tenants.console.errors.not_found"
handler500 = "tenants.console.errors.failed"
