"""Commands about the tenants that are named by their slugs, or about all of them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.models import Tenant


class TenantsCommand(BaseCommand):
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenants", nargs="*", metavar="slug", help="tenants (default: all)")

    def handle(self, *args: Any, **options: Any) -> None:
        slugs = options["tenants"]
        tenants = Tenant.objects.filter(slug__in=slugs) if slugs else Tenant.objects.all()
        missing = set(slugs) - {tenant.slug for tenant in tenants}
        if missing:
            raise CommandError(f"There is no tenant {', '.join(sorted(missing))}.")
        for tenant in tenants:
            self.stdout.write(f"{tenant.slug}: {self.done_for(tenant)}")

    def done_for(self, tenant: Tenant) -> str:
        """Do it for the tenant; returns what to say of it."""
        raise NotImplementedError
