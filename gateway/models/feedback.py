"""What people said of answers: a thumb up or down, why, and a comment."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenants.ids import uuid7
from tenants.models import ApiKey, Tenant, TenantOwned


class Feedback(TenantOwned):
    """One voter's word on one answer, in its latest form. Written by `gateway.votes`.

    `voter` is who has that one vote: "user:" and a hash of the end user, "key:" and an API key's id, or "reader" for whoever was handed the
    answer without a name. `task`, `model`, `provider`, `cache` and `tags` are the request's, kept here because the log is not kept as long.

    Until `matched_at` is set, nobody has seen the request that the vote names in the log: such a vote counts nowhere yet, and is dropped
    if the request never appears (`Feedback.counted`).
    """

    class Rating(models.TextChoices):
        UP = "up", _("Thumb up")
        DOWN = "down", _("Thumb down")

    class Source(models.TextChoices):
        API = "api", _("An application, by API key")
        TOKEN = "token", _("The answer's reader, by token")
        PLAYGROUND = "playground", _("Somebody in the playground")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant"))
    request_id = models.UUIDField(_("request id"))
    voter = models.CharField(max_length=80)
    end_user = models.CharField(_("end user"), max_length=200, blank=True)
    source = models.CharField(_("given by"), max_length=10, choices=Source.choices)
    api_key = models.ForeignKey(
        ApiKey,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
        verbose_name=_("API key"),
    )  # like the log's: it may name a key that is gone
    rating = models.CharField(_("rating"), max_length=4, choices=Rating.choices)
    reasons = ArrayField(models.CharField(max_length=40), default=list, verbose_name=_("reasons"))
    comment = models.CharField(_("comment"), max_length=2000, blank=True)
    created_at = models.DateTimeField(_("first given"))
    changed_at = models.DateTimeField(_("last changed"))
    asked_at = models.DateTimeField(_("answer of"))  # when the request was accepted
    matched_at = models.DateTimeField(null=True)
    task = models.CharField(_("task"), max_length=60, blank=True)
    model = models.CharField(_("model"), max_length=120, blank=True)
    provider = models.CharField(_("provider"), max_length=60, blank=True)
    cache = models.CharField(_("cache"), max_length=12, blank=True)
    tags = ArrayField(models.CharField(max_length=64), default=list, verbose_name=_("tags"))

    class Meta:
        ordering = ["-changed_at"]
        verbose_name = _("feedback")
        verbose_name_plural = _("feedback")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "request_id", "voter"], name="one_vote_per_voter_and_answer")
        ]
        indexes = [
            models.Index(fields=["tenant", "-changed_at"], name="feedback_newest"),
            models.Index(fields=["tenant", "asked_at"], name="feedback_by_answer"),
            models.Index(fields=["created_at"], condition=Q(matched_at=None), name="feedback_unmatched"),
        ]

    def __str__(self) -> str:
        return f"req_{self.request_id.hex}"

    @property
    def is_up(self) -> bool:
        return self.rating == self.Rating.UP
