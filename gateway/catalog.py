"""The catalog's models: added, changed and removed. For the pages and the management API, the operator's models and tenants' own.

A tenant's people have models at their own providers only: a model decides which credential pays, and at what price it counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from gateway.models import Model
from tenants.models import Tenant


def save(model: Model, *, within: Tenant | None) -> None:
    """Save a new or an edited one. `within`: the tenant on whose behalf; None for the operator. Raises `ValidationError`."""
    check(model, within=within)
    model.full_clean()
    model.save()


def add_all(models: Sequence[Model], *, within: Tenant | None) -> None:
    """Save new ones, all or none. Raises `ValidationError` for the first that is not in order."""
    with transaction.atomic():
        for model in models:
            save(model, within=within)


def remove(model: Model) -> None:
    """Delete it. Raises `ProtectedError` while a task or a rule sends requests to it."""
    model.delete()


def check(model: Model, *, within: Tenant | None) -> None:
    """Raises `ValidationError` for a model of somebody else's, or at a provider that is not the tenant's own."""
    if within is None or model.provider_id is None:
        return
    if model.tenant_id != within.pk:
        raise ValidationError({"tenant": _("This model is not yours.")})
    if model.provider.tenant_id != within.pk:
        raise ValidationError(
            {"provider": _("Choose one of your own providers. What the operator offers is used as it is.")}
        )
