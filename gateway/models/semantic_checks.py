"""How right the semantic cache is: hits that are checked, what is known of hits, and what follows for each task."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gateway.models.catalog import MODEL_NAME
from tenants.encryption import EncryptedTextField
from tenants.ids import uuid7
from tenants.models import ConfigModel, TenantOwned


class SemanticCheck(TenantOwned):
    """A hit whose question is asked again, to see whether the cached answer was right. `sealed` is the request, for as long as it takes.

    `value` is what the hit was let through with: the verifier's score, or where there is none, the similarity.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RIGHT = "right", _("Right")
        WRONG = "wrong", _("Wrong")
        UNCLEAR = "unclear", _("Unclear")
        DROPPED = "dropped", _("Not checked")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request_id = models.UUIDField(_("request id"), help_text=_("Of the request that was answered from the cache."))
    entry_id = models.UUIDField()
    origin = models.UUIDField(_("answer made for"))
    task = models.CharField(_("task"), max_length=60, blank=True)
    similarity = models.FloatField(_("similarity"))
    score = models.FloatField(_("verifier's score"), null=True)
    status = models.CharField(_("result"), max_length=10, choices=Status.choices, default=Status.WAITING)
    how = models.CharField(
        _("found out by"),
        max_length=200,
        blank=True,
        help_text=_("The same words, a judging model, or why not at all."),
    )
    threshold = models.FloatField(_("threshold then"), null=True)
    sealed = EncryptedTextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    cost_nanousd = models.PositiveBigIntegerField(default=0)
    hit_at = models.DateTimeField(_("hit"))
    checked_at = models.DateTimeField(_("checked"), null=True)

    class Meta:
        ordering = ["-hit_at"]
        verbose_name = _("check of a hit")
        verbose_name_plural = _("checks of hits")
        constraints = [models.UniqueConstraint(fields=["tenant", "request_id"], name="semantic_check_once")]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(status="waiting"), name="semantic_check_due"),
            models.Index(fields=["tenant", "task", "checked_at"], name="semantic_check_of_task"),
        ]

    def __str__(self) -> str:
        return f"req_{self.request_id.hex}"

    @property
    def value(self) -> float:
        return self.similarity if self.score is None else self.score


class SemanticLabel(TenantOwned):
    """A hit of which is known whether it was right. What decides about hits is refined with these."""

    class Source(models.TextChoices):
        THUMB = "thumb", _("Thumb of an end user")
        CHECK = "check", _("Checked against a fresh answer")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request_id = models.UUIDField(_("request id"))
    task = models.CharField(_("task"), max_length=60, blank=True)
    similarity = models.FloatField(_("similarity"))
    score = models.FloatField(_("verifier's score"), null=True)
    is_right = models.BooleanField(_("right"))
    source = models.CharField(_("source"), max_length=10, choices=Source.choices)
    at = models.DateTimeField(_("at"), default=timezone.now)

    class Meta:
        ordering = ["-at"]
        verbose_name = _("judged hit")
        verbose_name_plural = _("judged hits")
        constraints = [models.UniqueConstraint(fields=["tenant", "request_id", "source"], name="semantic_label_once")]
        indexes = [models.Index(fields=["tenant", "task", "-at"], name="semantic_label_of_task")]

    def __str__(self) -> str:
        return f"req_{self.request_id.hex}"


class SemanticWatch(TenantOwned, ConfigModel):
    """How a task's semantic cache is watched, and what has come of it. Without a row: as a new row says.

    `threshold`, `base` and `is_off` are in force with the configuration: a hit needs a value of at least `threshold`, besides whatever
    else it needs; and of the verifier at least `base`, which the tenant's own labels say, instead of what is known without them. What is
    counted begins at `since`, when the cache was last switched on.
    """

    class Measure(models.TextChoices):
        SIMILARITY = "similarity", _("Similarity")
        SCORE = "score", _("Verifier's score")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    task = models.CharField(
        _("task"), max_length=60, blank=True, help_text=_("Its slug. Empty: models that are asked for by name.")
    )
    check_percent = models.DecimalField(
        _("hits to check (%)"),
        max_digits=5,
        decimal_places=2,
        default=Decimal(5),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))],
        help_text=_(
            "Of a hundred hits, so many are asked again in the background. That costs what a request costs, twice if the answers have to "
            "be compared by a model, and stands in the request log under the feature shadow-check."
        ),
    )
    judge = models.CharField(
        _("judge"),
        max_length=120,
        blank=True,
        validators=[MODEL_NAME],
        help_text=_(
            "The model or task/… that compares two answers that differ. Empty: whatever the request asked for. Keys that are "
            "restricted to some models need it among them."
        ),
    )
    usd_per_day = models.DecimalField(
        _("most for checks (USD a day)"),
        max_digits=10,
        decimal_places=4,
        default=Decimal(1),
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("Of this task. Hits beyond it are not checked."),
    )
    threshold = models.FloatField(_("threshold in force"), null=True, editable=False)
    measure = models.CharField(_("threshold on"), max_length=10, choices=Measure.choices, blank=True, editable=False)
    base = models.FloatField(_("verifier's score from own labels"), null=True, editable=False)
    is_off = models.BooleanField(_("switched off"), default=False, editable=False)
    why = models.CharField(_("why"), max_length=300, blank=True, editable=False)
    since = models.DateTimeField(_("counted since"), default=timezone.now, editable=False)
    changed_at = models.DateTimeField(_("changed"), default=timezone.now, editable=False)
    told_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["tenant", "task"]
        verbose_name = _("semantic cache of a task")
        verbose_name_plural = _("semantic caches")
        constraints = [models.UniqueConstraint(fields=["tenant", "task"], name="semantic_watch_once")]

    def __str__(self) -> str:
        return f"{self.tenant}: {self.task or '–'}"
