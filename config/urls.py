"""Every address of Tollgate. What is under /v1/ is served by the lean handler (`config.asgi`) from the same patterns."""

from django.contrib import admin
from django.urls import include, path

from billing import confirmation
from config import calls_docs, interactive, management_docs
from config.browsers import leads_elsewhere
from gateway.api import health
from gateway.pages import rating
from tenants.accounts import sso_pages
from tenants.accounts.joining import invitation
from tenants.accounts.sessions import sessions
from tenants.console import front

interactive.load_pages()  # before the sites are asked what they have

urlpatterns = [
    path("", front.front, name="front"),
    path("t/", front.tenants, name="tenants"),  # what follows a slug there is in `config.console_urls`
    # In place of allauth's own.
    path("account/sessions/", sessions, name="usersessions_list"),
    path("account/3rdparty/", leads_elsewhere(sso_pages.connections), name="socialaccount_connections"),
    path("account/sso/", leads_elsewhere(sso_pages.by_address), name="single_sign_on"),
    path("account/sso/<slug:provider_id>/", leads_elsewhere(sso_pages.by_name), name="single_sign_on_by_name"),
    path("account/", include("allauth.urls")),
    path("alerts/confirm/<str:token>/", confirmation.confirm, name="confirm_channel"),
    path("invitation/<str:token>/", invitation, name="invitation"),
    path("admin/", admin.site.urls),
    *calls_docs.PATTERNS,
    path("api/v1/schema/", management_docs.schema, name="management_schema"),
    path("api/v1/docs/", management_docs.docs, name="management_docs"),
    path("api/v1/", include("config.management_urls")),
    path("api/schema/", calls_docs.schema, name="schema"),
    path("api/docs/", calls_docs.docs, name="docs"),
    path("feedback/<str:token>", rating.page, name="feedback"),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]
handler400 = "tenants.console.errors.bad_request"
handler403 = "tenants.console.errors.forbidden"
handler404 = "tenants.console.errors.not_found"
handler500 = "tenants.console.errors.failed"
