"""The operators' admin of who uses Tollgate, and what every other admin page is built on."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from tenants.admin import audit_trail, end_users, joining, people, tenants

admin.site.index_title = _("Overview")

__all__ = ["audit_trail", "end_users", "joining", "people", "tenants"]
