"""Answers that are given again to questions that mean the same, and how often that was."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from tenants.ids import uuid7
from tenants.models import Tenant, TenantOwned


class SemanticEntry(TenantOwned):
    """What a model once answered to a question, the question as a vector. The latest answer to the same question in the same scope stays.

    `scope` is a digest of all that must be equal before two questions are compared, the embedder among it: so all vectors of a scope
    have one length, which the column leaves open. Until `expires_at` the answer is given to questions of its scope; then, until
    `stale_until`, it stands in when no model can answer, to questions of its `kin`: a wider scope, empty where it never may.

    Row-level security binds the table to `app.tenant_id`, its indexes for large scopes are made by a task
    (`gateway.semantic.indexes`), and what is long is kept outside of the row, so that comparing many of them reads little. See the
    migration.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Without an index of its own: others begin with it.
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, db_index=False, related_name="+", verbose_name=_("tenant")
    )
    scope = models.BinaryField()
    kin = models.BinaryField(default=bytes)
    question_sha256 = models.BinaryField()
    question = models.TextField(_("question"))
    embedder = models.CharField(_("embedder"), max_length=120)
    embedding = HalfVectorField()
    task = models.CharField(_("task"), max_length=60, blank=True)
    model_asked = models.CharField(_("asked for"), max_length=120, blank=True)
    api_key_id = models.UUIDField(null=True)
    end_user = models.CharField(_("end user"), max_length=200, blank=True)
    tags = ArrayField(models.CharField(max_length=64), default=list, verbose_name=_("tags"))
    surface = models.CharField(max_length=10)
    is_stream = models.BooleanField()
    body = models.BinaryField()  # the answer as its caller got it, compressed by zlib
    model = models.CharField(_("model"), max_length=120)
    provider = models.CharField(_("provider"), max_length=60)
    request_id = models.UUIDField(_("made for"))
    input_tokens = models.PositiveIntegerField(_("input tokens"))
    output_tokens = models.PositiveIntegerField(_("output tokens"))
    cost_nanousd = models.PositiveBigIntegerField()
    answered_at = models.DateTimeField(_("answered"))
    expires_at = models.DateTimeField(_("fresh until"))
    stale_until = models.DateTimeField(_("kept until"))
    hits = models.PositiveIntegerField(_("hits"), default=0)
    last_hit_at = models.DateTimeField(_("last hit"), null=True)

    class Meta:
        verbose_name = _("semantic entry")
        verbose_name_plural = _("semantic entries")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "scope", "question_sha256"], name="semantic_entry_once")
        ]
        indexes = [
            models.Index(fields=["tenant", "kin"], condition=~models.Q(kin=b""), name="semantic_entry_kin"),
            models.Index(fields=["stale_until"], name="semantic_entry_end"),
        ]

    def __str__(self) -> str:
        return f"{self.task or self.model_asked}, {self.answered_at:%Y-%m-%d %H:%M}"


class SemanticHit(TenantOwned):
    """A request that was answered by an entry: kept for some days, so that a thumb or a check can be told what it is about."""

    request_id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, db_index=False, related_name="+", verbose_name=_("tenant")
    )
    entry_id = models.UUIDField()
    task = models.CharField(_("task"), max_length=60, blank=True)
    similarity = models.FloatField(_("similarity"))
    score = models.FloatField(_("verifier's score"), null=True)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("semantic hit")
        verbose_name_plural = _("semantic hits")
        indexes = [
            models.Index(fields=["tenant", "task", "at"], name="semantic_hit_of_task"),
            models.Index(fields=["at"], name="semantic_hit_age"),
        ]

    def __str__(self) -> str:
        return f"req_{self.request_id.hex}"
