"""`manage.py rebuild_rollups [slug ...]`: make the dashboards' sums anew from the request log, as far back as it goes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from dashboards import rebuilding
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Make the dashboards' rollups anew from the request log. What is older than the log stays as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenants", nargs="*", metavar="slug", help="tenants (default: all)")

    def handle(self, *args: Any, **options: Any) -> None:
        slugs = options["tenants"]
        tenants = Tenant.objects.filter(slug__in=slugs) if slugs else Tenant.objects.all()
        missing = set(slugs) - {tenant.slug for tenant in tenants}
        if missing:
            raise CommandError(f"There is no tenant {', '.join(sorted(missing))}.")
        for tenant in tenants:
            self.stdout.write(f"{tenant.slug}: {rebuilding.rebuild(tenant, timezone.now()):,} records added up")
