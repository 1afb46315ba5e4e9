"""How one of several models is chosen: what tasks and rules have in common."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from gateway.types import Choice

NANO_PER_USD = 1_000_000_000


class Choosing(models.Model):
    """A strategy over the models of a chain, what bounds it, and what happens when models fail."""

    class Strategy(models.TextChoices):
        FIXED = "fixed", _("In the order given")
        CHEAPEST = "cheapest", _("Cheapest first")
        FASTEST = "fastest", _("Fastest first")
        WEIGHTED = "weighted", _("By weight, the same for a whole conversation (A/B)")
        CASCADE = "cascade", _("Cascade: the cheap one first, a better one if its answer is not good enough")

    strategy = models.CharField(_("strategy"), max_length=12, choices=Strategy.choices, default=Strategy.FIXED)
    quality_floor = models.PositiveSmallIntegerField(
        _("least quality"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(100)],
        help_text=_(
            "Models below it, or of unknown quality, are left out. In a cascade, the cheap one may be below it."
        ),
    )
    max_request_usd = models.DecimalField(
        _("most a request may cost (USD)"),
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("By its expected cost. Models that would cost more are left out."),
    )
    cascade_threshold = models.DecimalField(
        _("cascade: accept from"),
        max_digits=4,
        decimal_places=3,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(1))],
        help_text=_(
            "The probability, from 0 to 1, that an answer is good; below it the next model answers. Empty: as labelled answers say, so "
            "that no more wrong ones are accepted than allowed."
        ),
    )
    cascade_target = models.DecimalField(
        _("cascade: most wrong (%)"),
        max_digits=5,
        decimal_places=2,
        default=Decimal(5),
        validators=[MinValueValidator(Decimal("0.1")), MaxValueValidator(Decimal(50))],
        help_text=_("The greatest share of answers that may be accepted although wrong."),
    )
    first_byte_ms = models.PositiveIntegerField(
        _("time to the first byte (ms)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("A model that takes longer is given up for the next one."),
    )
    replays_when_down = models.BooleanField(
        _("answer from earlier when all models fail"),
        default=False,
        help_text=_("An earlier answer to the same question, if there is one."),
    )
    replay_similarity = models.DecimalField(
        _("least similarity of its question"),
        max_digits=4,
        decimal_places=3,
        default=Decimal("0.85"),
        validators=[MinValueValidator(Decimal("0.5")), MaxValueValidator(Decimal(1))],
        help_text=_("From 0.5 to 1, the same question. The answer is marked as given before."),
    )
    escapes_refusals = models.BooleanField(
        _("ask the next model after a refusal"),
        default=False,
        help_text=_("When a model refuses for its content policy."),
    )

    class Meta:
        abstract = True

    def choice(self, **other: Any) -> Choice:
        """As the gateway reads it."""
        values: dict[str, Any] = {
            "strategy": str(self.strategy),
            "quality_floor": self.quality_floor,
            "max_cost_nanousd": None if self.max_request_usd is None else int(self.max_request_usd * NANO_PER_USD),
            "cascade_threshold": None if self.cascade_threshold is None else float(self.cascade_threshold),
            "cascade_target": float(self.cascade_target) / 100,
            "first_byte_seconds": self.first_byte_ms / 1000 if self.first_byte_ms else None,
            "may_replay": self.replays_when_down,
            "replay_similarity": float(self.replay_similarity),
            "escapes_refusals": self.escapes_refusals,
        }
        return Choice(**{**values, **other})
