"""What keys and tenants, which the rollups know by their ids, are called. Only those that one may see have a name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.db.models import Model

from tenants.models import ApiKey, Tenant

_MODELS: Mapping[str, type[Model]] = {"key": ApiKey, "tenant": Tenant}


def names_of(dimension: str, values: Iterable[str | None]) -> Mapping[str, str]:
    """Id → name, of those that still exist; nothing for dimensions whose values are names already."""
    model = _MODELS.get(dimension)
    wanted = [UUID(value) for value in values if value] if model is not None else []
    if model is None or not wanted:
        return {}
    rows = model.objects.filter(pk__in=wanted).values_list("pk", "name")  # type: ignore[attr-defined]
    return {str(pk): name for pk, name in rows}
