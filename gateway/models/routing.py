"""Which model answers: tasks with their chains, and rules with their ordered targets."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from gateway.models.catalog import Model, SharedOrOwned
from tenants.ids import uuid7
from tenants.models import ConfigModel, Tenant


def given(row: models.Model, name: str) -> Any:
    """The related row, also one that is being added together with this one and has no id yet; None if there is none."""
    is_given = row._meta.get_field(name).is_cached(row) or getattr(row, f"{name}_id") is not None  # type: ignore[union-attr]
    return getattr(row, name) if is_given else None


class Task(SharedOrOwned):
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


class ChainLink(ConfigModel):
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


class RoutingRule(SharedOrOwned):
    """If a request is for this task or model, send it to these targets. The first rule that matches decides.

    A tenant's own rules are asked before the operator's; within each, the lower position first.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=120)
    position = models.PositiveIntegerField(_("position"), default=100, help_text=_("Lower comes first."))
    task = models.ForeignKey(
        Task,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="rules",
        verbose_name=_("task"),
        help_text=_("Only requests for this task. Empty: any."),
    )
    requested_model = models.CharField(
        _("requested model"), max_length=120, blank=True, help_text=_("Only requests that name this model. Empty: any.")
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        ordering = ["tenant", "position", "name"]
        verbose_name = _("routing rule")
        verbose_name_plural = _("routing rules")

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        super().clean()
        if self.task_id is not None:
            self.refuse_foreign("task", self.task)
        if self.task_id is not None and self.requested_model:
            raise ValidationError(
                {"requested_model": _("A request names a task or a model, never both: this rule could not match.")}
            )


class RoutingTarget(ChainLink):
    """One of a rule's models; the first that can take the request is used, the next ones stand behind it."""

    chain_field = "rule"

    rule = models.ForeignKey(RoutingRule, on_delete=models.CASCADE, related_name="targets", verbose_name=_("rule"))

    class Meta:
        ordering = ["rule", "position"]
        verbose_name = _("target")
        verbose_name_plural = _("targets")
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "model"],
                name="routing_target_model_once",
                violation_error_message=_("A model is a target of a rule once."),
            )
        ]
