"""What models think of answers: which answers are judged and by what rubric, each judgement, and how good models turned out to be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gateway.models.catalog import MODEL_NAME
from tenants.encryption import EncryptedTextField
from tenants.ids import uuid7
from tenants.models import ConfigModel, TenantOwned

MOST_RUBRIC = 4000


def _usd(label: Any, default: str, text: Any) -> models.DecimalField[Any, Any]:
    return models.DecimalField(
        label,
        max_digits=10,
        decimal_places=4,
        default=Decimal(default),
        validators=[MinValueValidator(Decimal(0))],
        help_text=text,
    )


class JudgeBudget(TenantOwned, ConfigModel):
    """What judging may cost a tenant in all. Without a row: as a new row says. Enforced like any other limit, when a judge is asked."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    usd_per_day = _usd(
        _("most a day (USD)"), "1", _("For judges of all tasks together. Answers beyond it are not judged.")
    )
    usd_per_month = _usd(_("most a month (USD)"), "20", _("By the calendar of the tenant's time zone."))
    changed_at = models.DateTimeField(auto_now=True, editable=False)

    class Meta:
        verbose_name = _("budget of judges")
        verbose_name_plural = _("budgets of judges")
        constraints = [models.UniqueConstraint(fields=["tenant"], name="judge_budget_once")]

    def __str__(self) -> str:
        return f"{self.tenant}: {self.usd_per_day} / {self.usd_per_month} USD"


class JudgePolicy(TenantOwned, ConfigModel):
    """Which share of a task's answers is judged, by which model and by what rubric."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    task = models.CharField(
        _("task"), max_length=60, blank=True, help_text=_("Its slug. Empty: models that are asked for by name.")
    )
    is_active = models.BooleanField(_("active"), default=True)
    share_percent = models.DecimalField(
        _("answers to judge (%)"),
        max_digits=5,
        decimal_places=2,
        default=Decimal(5),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))],
        help_text=_("Always the same ones of a hundred: a larger share has all those of a smaller one, and more."),
    )
    rubric = models.TextField(
        _("rubric"),
        max_length=MOST_RUBRIC,
        help_text=_(
            "What makes an answer of this task good, and what makes it bad, as you would tell a new colleague."
        ),
    )
    judge = models.CharField(
        _("judge"),
        max_length=120,
        validators=[MODEL_NAME],
        help_text=_(
            "The model or task/… that judges, best one that answers none of these requests itself: models favour their own answers. "
            "Keys that are restricted to some models need it among them."
        ),
    )
    teaches = models.BooleanField(
        _("let cascades learn from it"),
        default=False,
        help_text=_(
            "Keeps prompt and answer of what was judged among the labelled answers. Off, they are forgotten once they are judged."
        ),
    )
    changed_at = models.DateTimeField(_("changed"), auto_now=True, editable=False)

    class Meta:
        ordering = ["tenant", "task"]
        verbose_name = _("judge of a task")
        verbose_name_plural = _("judges")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "task"],
                name="judge_policy_once",
                violation_error_message=_("This task has a judge already."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.tenant}: {self.task or '–'}"

    def clean(self) -> None:
        super().clean()
        if not self.rubric.strip():
            raise ValidationError({"rubric": _("Say what a good answer of this task is.")})


class Judgement(TenantOwned):
    """An answer that is, or was, to be judged. `sealed` is what was asked and answered, for as long as judging it takes.

    `task`, `model`, `provider` and `tags` are the request's. `score` is 1 to 5, `is_good` what follows from it; both None unless `status`
    says that it was scored. `is_self`: the judge is the model whose answer it is.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        SCORED = "scored", _("Scored")
        INVALID = "invalid", _("No valid verdict")
        DROPPED = "dropped", _("Not judged")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request_id = models.UUIDField(_("request id"))
    task = models.CharField(_("task"), max_length=60, blank=True)
    model = models.CharField(_("model"), max_length=120)
    provider = models.CharField(_("provider"), max_length=60)
    tags = ArrayField(models.CharField(max_length=64), default=list, verbose_name=_("tags"))
    judge = models.CharField(_("judge"), max_length=120, blank=True)
    status = models.CharField(_("state"), max_length=10, choices=Status.choices, default=Status.WAITING)
    score = models.PositiveSmallIntegerField(_("score"), null=True, help_text=_("1 to 5, by the task's rubric."))
    is_good = models.BooleanField(_("good"), null=True)
    faults = ArrayField(models.CharField(max_length=40), default=list, verbose_name=_("faults"))
    is_self = models.BooleanField(_("judged by itself"), default=False)
    why = models.CharField(_("why"), max_length=200, blank=True, help_text=_("Why there is no score."))
    answer_characters = models.PositiveIntegerField(_("length of the answer (characters)"), default=0)
    sealed = EncryptedTextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    cost_nanousd = models.PositiveBigIntegerField(default=0)
    answered_at = models.DateTimeField(_("answer of"))
    judged_at = models.DateTimeField(_("judged"), null=True)

    class Meta:
        ordering = ["-answered_at"]
        verbose_name = _("judgement")
        verbose_name_plural = _("judgements")
        constraints = [models.UniqueConstraint(fields=["tenant", "request_id"], name="judgement_once")]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(status="waiting"), name="judgement_due"),
            models.Index(fields=["tenant", "answered_at"], name="judgement_by_answer"),
        ]

    def __str__(self) -> str:
        return f"req_{self.request_id.hex}"


class MeasuredQuality(TenantOwned, ConfigModel):
    """How good a model's answers to a task turned out to be: routing's quality floor goes by it. Written by `gateway.judging.measured`.

    `quality` is the lower end of an interval, in percent of answers that are good, so that few data promise little.
    """

    class Source(models.TextChoices):
        CORRECTED = "corrected", _("judge, corrected by votes")
        JUDGE = "judge", _("judge")
        VOTES = "votes", _("votes")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    task = models.CharField(_("task"), max_length=60, blank=True)
    model = models.CharField(_("model"), max_length=120)
    quality = models.PositiveSmallIntegerField(_("quality"), validators=[MaxValueValidator(100)])
    answers = models.PositiveIntegerField(_("answers"))
    source = models.CharField(_("measured by"), max_length=10, choices=Source.choices)
    measured_at = models.DateTimeField(_("measured"), default=timezone.now)

    class Meta:
        ordering = ["tenant", "task", "model"]
        verbose_name = _("measured quality")
        verbose_name_plural = _("measured qualities")
        constraints = [models.UniqueConstraint(fields=["tenant", "task", "model"], name="measured_quality_once")]

    def __str__(self) -> str:
        return f"{self.task or '–'}, {self.model}: {self.quality}"
