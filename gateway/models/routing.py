"""Tasks with their chains of models."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from gateway.models.catalog import Model, SharedOrOwned
from gateway.models.choosing import Choosing
from gateway.types import Choice
from tenants.ids import uuid7
from tenants.models import Tenant


def given(row: models.Model, name: str) -> Any:
    """The related row, also one that is being added together with this one and has no id yet; None if there is none."""
    is_given = row._meta.get_field(name).is_cached(row) or getattr(row, f"{name}_id") is not None  # type: ignore[union-attr]
    return getattr(row, name) if is_given else None


FIRST_BYTE_SECONDS = {"real-time": 5.0, "background": 15.0}  # of tasks that name none


class Task(SharedOrOwned, Choosing):
    """Something an application asks for by purpose (`model: "task/summarise"`), leaving the model to Tollgate."""

    class Urgency(models.TextChoices):
        REAL_TIME = "real-time", _("Real-time: somebody waits")
        BACKGROUND = "background", _("Background")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(_("slug"), max_length=60, help_text=_("Called as task/<slug>."))
    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("description"), blank=True)
    urgency = models.CharField(_("urgency"), max_length=12, choices=Urgency.choices, default=Urgency.REAL_TIME)
    default_model = models.ForeignKey(
        Model,
        on_delete=models.RESTRICT,
        related_name="+",
        verbose_name=_("default model"),
        help_text=_("Answers unless a rule says otherwise."),
    )
    likely_output_tokens = models.PositiveIntegerField(
        _("likely output tokens"),
        default=300,
        validators=[MinValueValidator(1)],
        help_text=_("How long an answer usually is; expected costs are worked out with it."),
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        ordering = ["slug"]
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "slug"],
                name="task_slug_once",
                nulls_distinct=False,
                violation_error_message=_("There is a task of this slug already."),
            )
        ]

    def __str__(self) -> str:
        return self.with_owner(f"task/{self.slug}")

    def clean(self) -> None:
        super().clean()
        if self.default_model_id is not None:
            self.refuse_foreign("default_model", self.default_model)
        if self.strategy == self.Strategy.WEIGHTED:
            raise ValidationError({"strategy": _("Only a rule's targets have weights: make a rule for this task.")})

    def choice(self, **other: Any) -> Choice:
        """As the gateway reads it, with the time to the first byte that its urgency means."""
        seconds = self.first_byte_ms / 1000 if self.first_byte_ms else FIRST_BYTE_SECONDS[self.urgency]
        return super().choice(first_byte_seconds=seconds, **other)


class ChainLink(SharedOrOwned):
    """A model's place in a chain. It belongs to whoever the chain belongs to: `tenant` is copied from there on every save."""

    chain_field = ""  # the foreign key to what has the chain

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, null=True, editable=False, related_name="+")
    position = models.PositiveSmallIntegerField(_("position"), default=1)
    model = models.ForeignKey(Model, on_delete=models.RESTRICT, related_name="+", verbose_name=_("model"))

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{getattr(self, self.chain_field)} → {self.model}"

    def part_of_id(self) -> Any:
        """The id of what has the chain; the audit trail shows changes there."""
        return getattr(self, f"{self.chain_field}_id")

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.tenant_id = getattr(self, self.chain_field).tenant_id
        super().save(*args, **kwargs)

    def clean(self) -> None:
        super().clean()
        chain = given(self, self.chain_field)
        if self.model_id is not None and chain is not None:
            chain.refuse_foreign("model", self.model)


class TaskFallback(ChainLink):
    """The models tried in order when a task's default model fails."""

    chain_field = "task"

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="fallbacks", verbose_name=_("task"))

    class Meta:
        ordering = ["task", "position"]
        verbose_name = _("fallback")
        verbose_name_plural = _("fallback chain")
        constraints = [
            models.UniqueConstraint(
                fields=["task", "model"],
                name="task_fallback_model_once",
                violation_error_message=_("A model stands in a fallback chain once."),
            )
        ]

    def clean(self) -> None:
        super().clean()
        task = given(self, "task")
        if self.model_id is not None and task is not None and self.model_id == task.default_model_id:
            raise ValidationError(
                {"model": _("This is the task's default model already; a fallback must be another one.")}
            )
