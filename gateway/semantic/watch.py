"""Draws the consequences: after each check, the threshold of a task follows what was measured, or its cache is switched off.

What is decided is `gateway.caching.adapting`'s. Here the checks are read, and what follows is written where the gateways read it:
into the configuration, in force on the next request of every process.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import episodes
from billing.models import Alert, Severity
from gateway.caching import adapting, evidence
from gateway.caching.adapting import Aim, Checked, Decision
from gateway.caching.evidence import Interval
from gateway.caching.verify import thresholds, verifier
from gateway.caching.verify.thresholds import Labelled
from gateway.models import SemanticCheck, SemanticHit, SemanticLabel, SemanticWatch
from gateway.semantic import terms

logger = logging.getLogger(__name__)
Status, Measure = SemanticCheck.Status, SemanticWatch.Measure
JUDGED = (Status.RIGHT, Status.WRONG)
COUNTED = (*JUDGED, Status.UNCLEAR, Status.WAITING)
BEST_NEWS = "Switched on again."
SEEN_BEFORE = dt.timedelta(days=1)
SOURCE = "semantic"  # of its alerts
LEAST_STEP = 0.005  # of the verifier's least score; less is not worth a new configuration


@dataclass(frozen=True)
class Figures:
    """How a task's semantic cache has done since it was last switched on. `interval` is Wilson's at 95 %, of false hits among hits."""

    hits: int
    right: int
    wrong: int
    unclear: int
    waiting: int

    @property
    def checked(self) -> int:
        return self.right + self.wrong

    @property
    def share(self) -> float | None:
        return self.wrong / self.checked if self.checked else None

    @property
    def interval(self) -> Interval:
        return evidence.wilson(self.wrong, self.checked)


def with_figures(rows: QuerySet[SemanticWatch]) -> QuerySet[SemanticWatch]:
    """The rows with what `figures` needs of them, in the same query."""
    counts = {f"{status}_checks": _counted(SemanticCheck, "hit_at", status=status) for status in COUNTED}
    return rows.annotate(**counts, hits_seen=_counted(SemanticHit, "at"))


def _counted(model: Any, at: str, **conditions: str) -> Coalesce:
    same = {"tenant": OuterRef("tenant"), "task": OuterRef("task"), f"{at}__gte": OuterRef("since")}
    found = model.objects.filter(**same, **conditions).order_by().values("tenant").annotate(number=Count("pk"))
    return Coalesce(Subquery(found.values("number")), 0)


def figures(watch: SemanticWatch) -> Figures:
    """Of a row that came `with_figures`, or of any. Hits are kept for fourteen days only, and so counted no further back."""
    row: Any = watch if hasattr(watch, "hits_seen") else with_figures(SemanticWatch.objects.filter(pk=watch.pk)).get()
    counts = {status.value: getattr(row, f"{status}_checks") for status in COUNTED}
    return Figures(hits=row.hits_seen, **counts)


def look(tenant_id: UUID, task: str) -> Decision:
    """Decide anew about a task, and put it in force if it is another decision than before. Safe to repeat."""
    refine(tenant_id, task)
    with transaction.atomic():
        watch = SemanticWatch.objects.select_for_update().get(tenant_id=tenant_id, task=task)
        decision = _decide(watch)
        if decision is None or (not decision.is_off and not decision.why):
            return decision or Decision(watch.threshold or 0.0, watch.is_off)
        watch.threshold, watch.is_off, watch.why = decision.threshold, decision.is_off, decision.why
        watch.changed_at = timezone.now()
        watch.told_at = None
        watch.save()
    return decision


def _decide(watch: SemanticWatch) -> Decision | None:
    """None where there is nothing to decide: nothing was checked yet, or the cache is off already."""
    judged = _checks(watch).filter(status__in=JUDGED)
    rows = list(judged.order_by("-checked_at", "-id")[: adapting.MOST_SEEN])
    if watch.is_off or not rows:
        return None
    measure = Measure.SIMILARITY if rows[0].score is None else Measure.SCORE
    if watch.measure != measure:  # values of the one say nothing about the other
        watch.measure, watch.threshold = measure, None
    alike = [row for row in reversed(rows) if (row.score is None) == (measure == Measure.SIMILARITY)]
    aim = Aim(terms.of(watch.tenant_id, watch.task).target, least=min(row.value for row in alike))
    decision = adapting.decide(
        [Checked(row.value, row.status == Status.RIGHT) for row in alike],
        aim,
        threshold=aim.least if watch.threshold is None else watch.threshold,
        since_change=sum(row.hit_at > watch.changed_at for row in alike),
        total=judged.count() if len(alike) == len(rows) else len(alike),
    )
    return decision


def refine(tenant_id: UUID, task: str) -> float | None:
    """Choose the verifier's least score anew, by what is known of the task's own hits besides what the model was measured on; returns it,
    None where nothing is. Safe to repeat.

    Hits that turned out right make room below, as the share of false ones among all is what counts; wrong ones take it.
    """
    watch = _row(tenant_id, task)
    rows = SemanticLabel.objects.filter(tenant_id=tenant_id, task=task, at__gte=watch.since).exclude(score=None)
    latest = rows.order_by("-at", "-id").values_list("score", "is_right")[: adapting.MOST_SEEN]
    own = tuple(Labelled(score, is_right) for score, is_right in latest if score is not None)
    if not own:
        return None
    base = verifier.default_threshold(target=terms.of(tenant_id, task).target, own=own)
    if watch.base is None or abs(watch.base - base) >= LEAST_STEP or base == thresholds.SAME_WORDS != watch.base:
        SemanticWatch.objects.filter(pk=watch.pk).update(base=base)
        return base
    return watch.base


def _row(tenant_id: UUID, task: str) -> SemanticWatch:
    """The task's row; a new one counts what was seen shortly before it, too."""
    begun = {"since": timezone.now() - SEEN_BEFORE}
    return SemanticWatch.objects.get_or_create(tenant_id=tenant_id, task=task, defaults=begun)[0]


def _checks(watch: SemanticWatch) -> QuerySet[SemanticCheck]:
    return SemanticCheck.objects.filter(tenant_id=watch.tenant_id, task=watch.task, hit_at__gte=watch.since)


def change(watch: SemanticWatch, **values: Any) -> None:
    """Set how much of its hits is checked, by what, and for how much. Raises `ValidationError`."""
    for name, value in values.items():
        setattr(watch, name, value)
    watch.full_clean()
    watch.save()


def switch_on(watch: SemanticWatch) -> None:
    """Let a cache go on that has switched itself off, with its threshold as it is. What was counted before counts no more."""
    watch.is_off, watch.why, watch.base = False, BEST_NEWS, None
    watch.since = watch.changed_at = timezone.now()
    watch.told_at = None
    watch.save()


Tell = Callable[[SemanticWatch], None]


def tell(now: dt.datetime, how: Tell | None = None) -> int:
    """Tell of caches that have switched themselves off and of which nobody was told, and of those that are on again; returns how many went
    off.

    The row is the outbox: it is marked after `how` has returned, so a cache may be told of twice, but never not at all.
    """
    told = 0
    for watch in SemanticWatch.objects.filter(is_off=True, told_at=None).select_related("tenant"):
        (how or alert)(watch)
        SemanticWatch.objects.filter(pk=watch.pk, is_off=True).update(told_at=now)
        told += 1
    for going_on in Alert.objects.filter(kind=Alert.Kind.CACHE, source=SOURCE, resolved_at=None):
        its_own = SemanticWatch.objects.filter(tenant_id=going_on.tenant_id, task=going_on.subject, is_off=True)
        if not its_own.exists():
            episodes.resolve(going_on.tenant_id, kind=Alert.Kind.CACHE, source=SOURCE, subject=going_on.subject, at=now)
    return told


def alert(watch: SemanticWatch) -> None:
    """Begin the alert, which goes on until somebody switches the cache on again. Twice is once."""
    logger.error(
        "the semantic cache of %s, task %s, has switched itself off: %s", watch.tenant, watch.task or "–", watch.why
    )
    where = _("task %(task)s") % {"task": watch.task} if watch.task else _("models by name")
    episodes.begin(
        watch.tenant_id,
        kind=Alert.Kind.CACHE,
        source=SOURCE,
        subject=watch.task,
        severity=Severity.WARNING,
        name=_("The semantic cache of %(where)s has switched itself off") % {"where": where},
        text=_("More of its hits were wrong than it is allowed: %(why)s.") % {"why": watch.why},
        at=timezone.now(),
        data={"task": watch.task, "why": watch.why},
    )
