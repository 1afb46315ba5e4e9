"""Background work about tenants. Every task is safe to run twice."""

from celery import shared_task

from tenants import config_versions


@shared_task
def publish_config_versions() -> int:
    """Bring configuration versions to Redis that no `save()` published: bulk edits, SQL, an edit made while Redis was down."""
    return config_versions.publish()
