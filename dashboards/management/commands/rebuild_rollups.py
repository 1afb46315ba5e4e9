"""`manage.py rebuild_rollups [slug ...]`: make the dashboards' sums anew from the request log, as far back as it goes."""

from __future__ import annotations

from django.utils import timezone

from dashboards import rebuilding
from tenants.management.chosen_tenants import TenantsCommand
from tenants.models import Tenant


class Command(TenantsCommand):
    help = "Make the dashboards' rollups anew from the request log. What is older than the log stays as it is."

    def done_for(self, tenant: Tenant) -> str:
        return f"{rebuilding.rebuild(tenant, timezone.now()):,} records added up"
