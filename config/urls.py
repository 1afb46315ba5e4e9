"""Every address of Tollgate. `/v1/` is served by the lean handler (see `config.asgi`) from the same patterns."""

from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
]
