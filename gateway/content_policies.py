"""Whether a tenant's prompts and answers are stored: the only place that writes it for a person. In force on the next request."""

from __future__ import annotations

from gateway.models import ContentPolicy
from tenants.models import Tenant


def of(tenant: Tenant) -> ContentPolicy:
    """The tenant's policy; a new one, which is not saved and stores nothing, if it has none."""
    return ContentPolicy.objects.filter(tenant=tenant).first() or ContentPolicy(tenant=tenant)


def save(policy: ContentPolicy) -> None:
    """Raises `ValidationError` by field."""
    policy.tasks = list(dict.fromkeys(slug.strip().removeprefix("task/") for slug in policy.tasks if slug.strip()))
    policy.full_clean()
    policy.save()
