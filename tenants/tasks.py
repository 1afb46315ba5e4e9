"""Background work about tenants. Every task is safe to run twice."""

from celery import shared_task
from django.utils import timezone

from tenants import config_versions


@shared_task
def publish_config_versions() -> int:
    """Bring configuration versions to Redis that no `save()` published: bulk edits, SQL, an edit made while Redis was down."""
    return config_versions.publish()


@shared_task
def forget_kept_results() -> int:
    """Delete what the management API has kept for requests that might be sent again."""
    from tenants.management_api import idempotency  # only where it is needed: it brings DRF

    return idempotency.forget(timezone.now())
