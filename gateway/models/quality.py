"""What the cascade learns from and what it has learnt: labelled answers, and the trained models that judge answers."""

from __future__ import annotations

from typing import Any

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from gateway.models.catalog import SharedOrOwned
from tenants.ids import uuid7
from tenants.models import Tenant, TenantOwned


class LabeledAnswer(TenantOwned):
    """An answer of which is known whether it was good. A tenant's serve to train that tenant's model and no other.

    Those without a tenant are the operator's, imported to train the shared model. They are no configuration: no gateway reads them.
    """

    class Source(models.TextChoices):
        THUMBS = "thumbs", _("Thumb of an end user")
        JUDGE = "judge", _("Judged by a model")
        IMPORT = "import", _("Imported")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(  # type: ignore[assignment]  # the base's is never empty
        Tenant, on_delete=models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("tenant")
    )
    task = models.CharField(_("task"), max_length=60, blank=True)
    request_id = models.UUIDField(
        _("request id"), help_text=_("Of the request that was answered; an imported row's is made from its texts.")
    )
    prompt = models.TextField(_("prompt"))
    answer = models.TextField(_("answer"), blank=True)
    is_good = models.BooleanField(_("good"))
    source = models.CharField(_("source"), max_length=10, choices=Source.choices)
    weight = models.FloatField(_("weight"), default=1.0, validators=[MinValueValidator(0)])
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True, editable=False)

    class Meta:
        ordering = ["-changed_at"]
        verbose_name = _("labelled answer")
        verbose_name_plural = _("labelled answers")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "request_id", "source"], name="labeled_answer_once", nulls_distinct=False
            ),
            models.CheckConstraint(condition=Q(weight__gt=0), name="labeled_answer_weighs_something"),
        ]
        indexes = [models.Index(fields=["tenant", "-changed_at"])]

    def __str__(self) -> str:
        return f"req_{self.request_id.hex}"


class QualityModel(SharedOrOwned):
    """A trained classifier as plain numbers: the shared one (no tenant), or one tenant's. One version of each is in force."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.PositiveIntegerField(_("version"))
    is_active = models.BooleanField(_("in force"), default=False)
    payload = models.JSONField(_("numbers"))
    metrics = models.JSONField(_("measured"), help_text=_("On answers it was not trained on."))
    unseen = models.JSONField(
        _("scores of answers not trained on"),
        default=list,
        help_text=_(
            "[probability, 1 if good] each, from a model that did not learn from it; the threshold is chosen on them."
        ),
    )
    rows = models.PositiveIntegerField(_("trained on"), help_text=_("Labelled answers."))
    trained_at = models.DateTimeField(_("trained"))

    class Meta:
        ordering = ["tenant", "-version"]
        verbose_name = _("quality model")
        verbose_name_plural = _("quality models")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "version"], name="quality_model_version_once", nulls_distinct=False
            ),
            models.UniqueConstraint(
                fields=["tenant"],
                condition=Q(is_active=True),
                name="quality_model_one_in_force",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return self.with_owner(f"v{self.version}")

    def metric(self, name: str) -> Any:
        """A held-out figure ("auc", "brier", "n"); None if it was not measured."""
        return self.metrics.get(name)
