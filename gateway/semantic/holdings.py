"""What a tenant's semantic cache holds, and what the entries that it holds were worth. For people who ask; no request waits for it."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass
from uuid import UUID

from django.db import DatabaseError
from django.db.models import Count, F, Min, Sum

from gateway.models import SemanticEntry
from tenants import tenancy

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Holdings:
    """`hits` and `saved_nanousd` are of the entries that are there: what is taken out takes its own along. They lag by seconds."""

    entries: int
    oldest: dt.datetime | None
    hits: int
    saved_nanousd: int


def found(tenant_id: UUID) -> Holdings | None:
    """None if PostgreSQL does not answer."""
    try:
        with tenancy.entered(tenant_id):
            told = SemanticEntry.objects.filter(tenant_id=tenant_id).aggregate(
                entries=Count("id"),
                oldest=Min("answered_at"),
                all_hits=Sum("hits", default=0),
                saved=Sum(F("hits") * F("cost_nanousd"), default=0),
            )
    except DatabaseError as error:
        logger.warning("could not count the semantic entries of tenant %s: %s", tenant_id, error)
        return None
    return Holdings(told["entries"], told["oldest"], told["all_hits"], int(told["saved"]))
