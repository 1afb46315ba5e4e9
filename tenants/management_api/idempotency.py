"""`Idempotency-Key`: a request that is sent twice is done once, and the second is told what the first was.

A result is kept for a day with what the request did, in the same transaction: both or neither. Of two at the same moment the second waits
for the first. What was refused did nothing, so it is not kept.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import Any

from django.utils import timezone
from rest_framework import exceptions
from rest_framework.request import Request

from tenants.management_api.errors import OtherRequest
from tenants.models import KeptResult, Tenant

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEPT = dt.timedelta(hours=24)
MOST_CHARACTERS = 200


class Replayed(Exception):
    """The request was done before: `kept` is what it was told."""

    def __init__(self, kept: KeptResult) -> None:
        super().__init__(kept.key)
        self.kept = kept


def claim(request: Request, tenant: Tenant, *, asked_by: str) -> KeptResult | None:
    """A place for the result of a request with a key, to be filled by `keep`; None for one without.

    Raises `Replayed` if it was done before, `OtherRequest` if the key came with another one, and DRF's `ValidationError`.
    """
    key = request.headers.get(HEADER, "")
    if not key:
        return None
    if len(key) > MOST_CHARACTERS or not key.isascii() or not key.isprintable():
        raise exceptions.ValidationError(f"An {HEADER} has at most {MOST_CHARACTERS} printable ASCII characters.")
    now = timezone.now()
    KeptResult.objects.filter(tenant=tenant, created_at__lt=now - KEPT).delete()
    mine = KeptResult(
        tenant=tenant, asked_by=asked_by, key=key, request_sha256=_digest(request), status=None, created_at=now
    )
    KeptResult.objects.bulk_create([mine], ignore_conflicts=True)  # waits for whoever is writing the same key
    kept = KeptResult.objects.get(tenant=tenant, asked_by=asked_by, key=key)
    if kept.pk == mine.pk:
        return kept
    if kept.request_sha256 != mine.request_sha256:
        raise OtherRequest
    raise Replayed(kept)


def keep(kept: KeptResult, *, status: int, body: bytes) -> None:
    kept.status, kept.body = status, body.decode()
    kept.save(update_fields=["status", "body"])


def forget(now: dt.datetime) -> int:
    """Delete results that are older than a day. Idempotent."""
    return KeptResult.objects.filter(created_at__lt=now - KEPT).delete()[0]


def _digest(request: Request) -> str:
    asked: list[Any] = [request.method, request.path_info, request.data]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
