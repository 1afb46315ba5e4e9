"""Routing rules: what a request must be like, and which models it then goes to."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from gateway.models.catalog import SharedOrOwned
from gateway.models.choosing import Choosing
from gateway.models.routing import ChainLink
from gateway.routing import conditions, hours
from gateway.types import Condition
from tenants.ids import uuid7


def _several(label: Any, *, max_length: int, help_text: Any) -> ArrayField[Any, Any]:
    return ArrayField(
        models.CharField(max_length=max_length), verbose_name=label, default=list, blank=True, help_text=help_text
    )


class RoutingRule(SharedOrOwned, Choosing):
    """If a request meets every condition, send it to these targets. The first rule that matches decides.

    A tenant's own rules are asked before the operator's; within each, the lower position first.
    """

    class Need(models.TextChoices):
        TOOLS = "tools", _("Tools")
        VISION = "vision", _("Images")
        JSON_SCHEMA = "json_schema", _("JSON schema")
        STREAMING = "streaming", _("Streaming")

    class Weekday(models.IntegerChoices):
        MONDAY = 0, _("Mon")
        TUESDAY = 1, _("Tue")
        WEDNESDAY = 2, _("Wed")
        THURSDAY = 3, _("Thu")
        FRIDAY = 4, _("Fri")
        SATURDAY = 5, _("Sat")
        SUNDAY = 6, _("Sun")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=120)
    position = models.PositiveIntegerField(_("position"), default=100, help_text=_("Lower comes first."))
    tasks = _several(_("tasks"), max_length=60, help_text=_("One of these tasks. None: any."))
    requested_models = _several(
        _("requested models"),
        max_length=120,
        help_text=_("One of these names, separated by commas; * stands for anything, as in gpt-4*. Empty: any."),
    )
    tiers = _several(
        _("end-user tiers"), max_length=40, help_text=_("One of these tiers, such as free, paid. Empty: any.")
    )
    tags = _several(_("tags"), max_length=64, help_text=_("At least one of these tags. Empty: any."))
    metadata = models.JSONField(
        _("metadata"),
        default=dict,
        blank=True,
        help_text=_("All of these values in the request's metadata, such as plan = pro. Empty: any."),
    )
    min_input_tokens = models.PositiveIntegerField(_("input tokens from"), null=True, blank=True)
    max_input_tokens = models.PositiveIntegerField(_("input tokens up to"), null=True, blank=True)
    needs = ArrayField(
        models.CharField(max_length=20, choices=Need.choices),
        verbose_name=_("needs"),
        default=list,
        blank=True,
        help_text=_("The request uses all of these. None: any request."),
    )
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(choices=Weekday.choices),
        verbose_name=_("weekdays"),
        default=list,
        blank=True,
        help_text=_(
            "In the tenant's time zone. Hours over midnight belong to the day on which they begin. None: every day."
        ),
    )
    from_time = models.TimeField(_("from"), null=True, blank=True)
    to_time = models.TimeField(
        _("to"), null=True, blank=True, help_text=_("Not included. Earlier than “from”: over midnight.")
    )
    budget = models.CharField(
        _("budget"), max_length=120, blank=True, help_text=_("A budget's name. Empty, with a share: any budget.")
    )
    budget_share = models.PositiveSmallIntegerField(
        _("used from (%)"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        ordering = ["tenant", "position", "name"]
        verbose_name = _("routing rule")
        verbose_name_plural = _("routing rules")

    def __str__(self) -> str:
        return self.name

    def conditions(self, zone: dt.tzinfo = dt.UTC) -> tuple[Condition, ...]:
        """What must hold, what is asked fastest first. `zone` is that of the tenant whose request it is."""
        found: list[Condition] = []
        if self.tasks:
            found.append(conditions.Tasks(frozenset(self.tasks)))
        if self.requested_models:
            found.append(conditions.Models.of(self.requested_models))
        if self.needs:
            found.append(conditions.Needs(frozenset(self.needs)))
        if self.tiers:
            found.append(conditions.Tiers(frozenset(self.tiers)))
        if self.tags:
            found.append(conditions.Tags(frozenset(self.tags)))
        if self.metadata:
            found.append(conditions.Metadata(tuple(sorted(self.metadata.items()))))
        if self.min_input_tokens is not None or self.max_input_tokens is not None:
            found.append(conditions.InputTokens(self.min_input_tokens, self.max_input_tokens))
        if self.budget_share is not None:
            found.append(conditions.BudgetShare(self.budget, self.budget_share))
        if self.weekdays or self.from_time is not None:
            days = frozenset(self.weekdays) or hours.EVERY_DAY
            found.append(hours.Hours(days, _minute(self.from_time), _minute(self.to_time), zone))
        return tuple(found)

    def clean(self) -> None:
        """Refuses conditions that contradict each other or mean nothing."""
        super().clean()
        errors: dict[str, Any] = {}
        if self.tasks and self.requested_models:
            errors["requested_models"] = _("A request names a task or a model, never both: this rule could not match.")
        elif any(pattern.startswith("task/") for pattern in self.requested_models):
            errors["requested_models"] = _("Tasks are chosen above; here are names of models.")
        if (
            self.min_input_tokens is not None
            and self.max_input_tokens is not None
            and self.min_input_tokens > self.max_input_tokens
        ):
            errors["max_input_tokens"] = _("Less than “from”: no request has so many tokens and so few.")
        if (self.from_time is None) != (self.to_time is None):
            errors["to_time"] = _("Give both times, or neither.")
        elif self.from_time is not None and _minute(self.from_time) == _minute(self.to_time):
            errors["to_time"] = _("The same as “from”: these hours are empty. Leave both away for the whole day.")
        if self.budget and self.budget_share is None:
            errors["budget_share"] = _("From which share of the budget on?")
        if not isinstance(self.metadata, dict) or not all(
            isinstance(name, str) and name and isinstance(value, str) for name, value in self.metadata.items()
        ):
            errors["metadata"] = _("Names with texts, such as plan = pro.")
        if errors:
            raise ValidationError(errors)


def _minute(time: dt.time | None) -> int:
    return 0 if time is None else time.hour * 60 + time.minute


class RoutingTarget(ChainLink):
    """One of a rule's models. The rule's strategy orders them; the next ones stand behind the first."""

    chain_field = "rule"

    rule = models.ForeignKey(RoutingRule, on_delete=models.CASCADE, related_name="targets", verbose_name=_("rule"))
    weight = models.PositiveIntegerField(
        _("weight"), default=1, help_text=_("For the strategy by weight. 0: only when the others fail.")
    )

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
