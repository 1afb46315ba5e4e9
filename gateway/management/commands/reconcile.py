"""`manage.py reconcile [slug ...]`: compare counters with the ledger and the holds, put right what differs, and say what it was."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway import reconciliation
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Compare Redis's counters with the ledger and the holds under way, and put right what differs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenants", nargs="*", metavar="slug", help="tenants (default: all)")

    def handle(self, *args: Any, **options: Any) -> None:
        slugs = options["tenants"]
        tenants = Tenant.objects.filter(slug__in=slugs) if slugs else Tenant.objects.all()
        missing = set(slugs) - {tenant.slug for tenant in tenants}
        if missing:
            raise CommandError(f"There is no tenant {', '.join(sorted(missing))}.")
        for tenant in tenants:
            drift = reconciliation.reconcile(tenant.id)
            self.stdout.write(f"{tenant.slug}: {drift.compared} counters compared, {drift if drift else 'nothing off'}")
