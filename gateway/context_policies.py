"""Context policies: the only place that writes them for a person. Edits are in force on the next request."""

from __future__ import annotations

from gateway.models import ContextPolicy, Task


def of(task: Task) -> ContextPolicy:
    """The task's policy; a new one, which is not saved, if it has none."""
    found = ContextPolicy.objects.select_related("summary_model").filter(task=task).first()
    return found or ContextPolicy(task=task, tenant=task.tenant)


def save(policy: ContextPolicy) -> None:
    """Raises `ValidationError` by field."""
    policy.full_clean()
    policy.save()
