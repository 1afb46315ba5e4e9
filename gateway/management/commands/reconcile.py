"""`manage.py reconcile [slug ...]`: compare counters with the ledger and the holds, put right what differs, and say what it was."""

from __future__ import annotations

from gateway import reconciliation
from tenants.management.chosen_tenants import TenantsCommand
from tenants.models import Tenant


class Command(TenantsCommand):
    help = "Compare Redis's counters with the ledger and the holds under way, and put right what differs."

    def done_for(self, tenant: Tenant) -> str:
        drift = reconciliation.reconcile(tenant.id)
        return f"{drift.compared} counters compared, {drift if drift else 'nothing off'}"
