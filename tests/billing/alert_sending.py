"""An alert on its way: crossed, so that deliveries are due, and sent by one run of the worker's task."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from billing import deliveries
from billing.deliveries import Sent
from billing.models import AlertChannel, AlertDelivery
from tenants.models import Tenant
from tests.billing.alert_ledger import NOW, channel, spend

if TYPE_CHECKING:
    from tests.billing.alert_receiver import Receiver


def cross(tenant: Tenant, *channels: AlertChannel, usd: str = "80.25") -> list[AlertDelivery]:
    """Cross the budget; returns the deliveries, which are due at `now()`, in the order of the channels' names."""
    spend(tenant, usd=usd)
    AlertDelivery.objects.filter(tenant=tenant, attempts=0).update(next_attempt_at=NOW)
    return list(AlertDelivery.objects.filter(tenant=tenant).order_by("channel__name"))


def run(now: dt.datetime = NOW) -> Sent:
    return deliveries.run(clock=lambda: now)


def webhook(tenant: Tenant, receiver: Receiver, name: str = "Hook", **fields: Any) -> AlertChannel:
    return channel(tenant, name, kind="webhook", target=receiver.url, **fields)
