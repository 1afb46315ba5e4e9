"""What there is to narrow a dashboard down to: values that occurred, by dimension, from the rollups' labels and not from the log."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import connections

from dashboards import standby
from dashboards.scopes import Scope
from dashboards.shapes import SHAPES, Shape

MOST = 200
NAMES = ("task", "endpoint", "model", "provider", "key", "feature", "tag", "status")


def choices(scope: Scope) -> Mapping[str, tuple[str, ...]]:
    """Dimension → its values, in order; the first `MOST`. Dimensions that never had one are left out."""
    selects = []
    for name in NAMES:
        shape = _smallest(name)
        label = f"labels[{shape.dimensions.index(name) + 1}]"
        selects.append(
            f"(SELECT '{name}' AS name, {label} AS value FROM dashboards_series "  # noqa: S608 - only names that the code knows
            f"WHERE tenant_id = ANY(%(tenants)s) AND shape = {shape.code} GROUP BY {label} ORDER BY {label} LIMIT {MOST})"
        )
    found: dict[str, tuple[str, ...]] = {}

    def ask(alias: str) -> list[tuple[str, str]]:
        with connections[alias].cursor() as cursor:
            cursor.execute(" UNION ALL ".join(selects), {"tenants": list(scope.tenant_ids)})
            return list(cursor.fetchall())

    for name, value in standby.read(ask):
        found[name] = (*found.get(name, ()), value)
    return found


def _smallest(name: str) -> Shape:
    return next(shape for shape in SHAPES if name in shape.dimensions)
