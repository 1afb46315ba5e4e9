"""Versions of quality models: trains a new one from an owner's labels, puts it in force if it is no worse, says which one is in force.

A fifth of the prompts, always the same ones, are never trained on: a new version and the one in force are measured on the same answers,
that neither has seen. A tenant with too few labels is judged by the shared model; without one in the database, by the one shipped.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Max, Q
from django.utils import timezone

from gateway.models import LabeledAnswer, QualityModel
from gateway.quality import classifier, labels, measuring, shipped, training
from gateway.quality.classifier import Classifier
from gateway.quality.measuring import Metrics
from gateway.quality.threshold import Scored
from gateway.quality.training import Row
from tenants.models import Tenant

logger = logging.getLogger(__name__)

LEAST_ROWS = 100  # to train on
LEAST_OF_EACH = 20  # good and bad ones to train on
LEAST_HELD_OUT = 20
KEPT_VERSIONS = 5  # of an owner; older ones are deleted
_HELD_OUT_OF = 5


@dataclass(frozen=True, slots=True)
class InForce:
    """The classifier that judges a tenant's answers, and scores of answers it has not seen to choose a threshold on."""

    classifier: Classifier
    unseen: tuple[Scored, ...]  # see `QualityModel.unseen`
    version: int
    is_shared: bool


@dataclass(frozen=True, slots=True)
class Trained:
    """A new version, and what it was compared with on the same answers."""

    model: QualityModel
    metrics: Metrics
    before: Metrics  # of the one that was in force


def train_shared() -> Trained | None:
    """Train the shared model from the operator's own labels. See `train_tenant`."""
    return _train(None)


def train_tenant(tenant: Tenant) -> Trained | None:
    """Train a new version from the tenant's labels, and put it in force unless it is worse than what judges its answers now.

    None if there are too few labels, or none that are newer than the last version. Running twice trains once.
    """
    return _train(tenant)


def in_force(tenant_id: UUID) -> InForce:
    """The tenant's own model, else the shared one, else the one shipped; one that cannot be scored with is logged and passed over."""
    rows = QualityModel.objects.filter(Q(tenant=None) | Q(tenant_id=tenant_id), is_active=True)
    for row in rows.defer("payload", "unseen").order_by(F("tenant_id").asc(nulls_last=True)):
        try:
            return InForce(*_loaded(row.id), version=row.version, is_shared=row.tenant_id is None)
        except classifier.UnusableModelError as error:
            logger.error("quality model %s is passed over: %s", row, error)
    content = shipped.read()
    return InForce(classifier.parse(content["payload"]), _scores(content["scores"]), version=0, is_shared=True)


@transaction.atomic
def activate(model: QualityModel) -> None:
    """Put a version in force instead of the one that was; gateways use it from the next request on."""
    active = QualityModel.objects.filter(tenant=model.tenant_id, is_active=True).order_by("id")
    for other in active.select_for_update():
        other.is_active = False
        other.save(update_fields=["is_active"])
    model.is_active = True
    model.save()


def owners_with_labels() -> list[Tenant]:
    """Tenants that have a label of their own."""
    with_labels = LabeledAnswer.objects.exclude(tenant=None).values("tenant_id")
    return list(Tenant.objects.filter(id__in=with_labels, is_active=True).order_by("id"))


def is_held_out(prompt: str) -> bool:
    """Whether answers to this prompt are kept to measure on; the same for every version."""
    return zlib.crc32(prompt.encode("utf-8", "replace")) % _HELD_OUT_OF == 0


def _train(tenant: Tenant | None) -> Trained | None:
    tenant_id = tenant.id if tenant else None
    if not _has_news(tenant_id):
        return None
    started_at = timezone.now()  # a label that comes in meanwhile is news for the next version
    rows = labels.training_rows(tenant_id)
    trained_on = [row for row in rows if not is_held_out(row.prompt)]
    held_out = [row for row in rows if is_held_out(row.prompt)]
    if not _suffice(trained_on, held_out):
        return None
    payload = training.fit(trained_on)
    scored = _score(classifier.parse(payload), held_out)
    metrics = measuring.measure(scored)
    before = measuring.measure(_score(_current(tenant_id), held_out))
    # The held-out fifth alone is too little to choose a threshold on: cross-validated scores of the others join it.
    unseen = [*scored, *training.cross_scored(trained_on)]
    with transaction.atomic():
        versions = QualityModel.objects.filter(tenant=tenant_id)
        newest: int = versions.aggregate(newest=Max("version"))["newest"] or 0
        model = QualityModel.objects.create(
            tenant=tenant,
            version=newest + 1,
            payload=payload,
            metrics=metrics.as_json() | {"before": before.as_json()},
            unseen=[[round(one.probability, 4), int(one.is_good)] for one in unseen],
            rows=len(trained_on),
            trained_at=started_at,
        )
        if not metrics.is_worse_than(before):
            activate(model)
        versions.filter(is_active=False, version__lte=newest + 1 - KEPT_VERSIONS).delete()
    return Trained(model, metrics, before)


def _has_news(tenant_id: UUID | None) -> bool:
    changed_at = labels.changed_at(tenant_id)
    trained_at = QualityModel.objects.filter(tenant=tenant_id).aggregate(at=Max("trained_at"))["at"]
    return changed_at is not None and (trained_at is None or changed_at > trained_at)


def _suffice(trained_on: Sequence[Row], held_out: Sequence[Row]) -> bool:
    good = sum(row.is_good for row in trained_on)
    return (
        len(trained_on) >= LEAST_ROWS
        and min(good, len(trained_on) - good) >= LEAST_OF_EACH
        and len(held_out) >= LEAST_HELD_OUT
        and len({row.is_good for row in held_out}) == 2
    )


def _current(tenant_id: UUID | None) -> Classifier:
    """What judges this owner's answers now."""
    if tenant_id is not None:
        return in_force(tenant_id).classifier
    row = QualityModel.objects.filter(tenant=None, is_active=True).first()
    try:
        return classifier.parse(row.payload if row else shipped.read()["payload"])
    except classifier.UnusableModelError:
        return classifier.parse(shipped.read()["payload"])


def _score(model: Classifier, rows: Sequence[Row]) -> list[Scored]:
    return [Scored(model.probability(row.prompt, row.answer), row.is_good) for row in rows]


@lru_cache(maxsize=64)
def _loaded(model_id: UUID) -> tuple[Classifier, tuple[Scored, ...]]:
    """A version's classifier and scores, once for all tenants that share it: a version's numbers never change."""
    row = QualityModel.objects.only("payload", "unseen").get(id=model_id)
    return classifier.parse(row.payload), _scores(row.unseen)


def _scores(pairs: Sequence[Any]) -> tuple[Scored, ...]:
    return tuple(Scored(float(probability), bool(is_good)) for probability, is_good in pairs)
