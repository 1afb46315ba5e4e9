"""Background work of billing. Every task is safe to run twice."""

from celery import shared_task

from billing import deliveries


@shared_task
def deliver_alerts() -> int:
    """Send the alerts that are due, for about 20 seconds at most; returns how many arrived."""
    return deliveries.run().delivered
