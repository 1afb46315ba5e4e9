"""Every address within a tenant's console, as it stands behind /t/<slug>. The middleware puts this in place of `config.urls`."""

from django.urls import include, path

from config import interactive, management_docs
from tenants.sites import console

interactive.load_pages()  # before the site is asked what it has

urlpatterns = [
    path("api/v1/schema/", management_docs.schema, name="management_schema"),
    path("api/v1/docs/", management_docs.docs, name="management_docs"),
    path("api/v1/", include("config.management_urls")),  # with the session instead of a key
    path("", console.urls),
]
handler400 = "tenants.console.errors.bad_request"
handler403 = "tenants.console.errors.forbidden"
handler404 = "tenants.console.errors.not_found"
handler500 = "tenants.console.errors.failed"
