"""Answers that may be given again when no model can answer."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from pgvector.django import VectorField

from tenants.ids import uuid7
from tenants.models import TenantOwned


class EarlierAnswer(TenantOwned):
    """What a task's model once answered to a question, the question as a vector. The latest answer to the same question stays.

    `instructions` is the SHA-256 of the system prompt: under another one the answer would be another. `embedder` made the vector, and only
    vectors of the same one can be compared.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    task = models.CharField(_("task"), max_length=60)
    instructions = models.CharField(max_length=64)
    question_sha256 = models.CharField(max_length=64)
    embedder = models.CharField(max_length=120)
    embedding = VectorField()
    answer = models.TextField(_("answer"))
    model = models.CharField(_("model"), max_length=120)
    provider = models.CharField(_("provider"), max_length=60)
    answered_at = models.DateTimeField(_("answered"))

    class Meta:
        verbose_name = _("earlier answer")
        verbose_name_plural = _("earlier answers")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "task", "instructions", "embedder", "question_sha256"], name="earlier_answer_once"
            )
        ]
        indexes = [models.Index(fields=["tenant", "task", "answered_at"], name="earlier_answer_age")]

    def __str__(self) -> str:
        return f"{self.task}, {self.answered_at:%Y-%m-%d %H:%M}"
