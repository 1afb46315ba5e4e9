"""What every request did and cost: one row for each attempt, written by the drain and never changed."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models import ApiKey, Tenant, TenantOwned


class RequestLog(TenantOwned):
    """One attempt of one request. Partitioned by day of `accepted_at`; see `gateway.partitions`.

    `id` is the request id with the attempt in its last byte, so (accepted_at, id) makes the drain idempotent by
    (request id, attempt). `input_tokens` counts all input: `cache_read_tokens` and the `cache_write_*_tokens` are parts of
    it, as `reasoning_tokens` is of `output_tokens`. There are no foreign key constraints: the ledger outlives what it names.
    """

    class Outcome(models.TextChoices):
        OK = "ok", _("Answered")
        REFUSED = "refused", _("Refused by Tollgate")
        UPSTREAM_ERROR = "upstream_error", _("Provider error")
        CLIENT_LEFT = "client_left", _("Client left")
        CUT = "cut", _("Cut off by the provider")
        INTERNAL_ERROR = "internal_error", _("Tollgate error")
        ABANDONED = "abandoned", _("Never ended: its process died")
        ESCALATED = "escalated", _("Not good enough: a stronger model was asked")

    class UsageSource(models.TextChoices):
        REPORTED = "reported", _("Reported by the provider")
        ESTIMATED = "estimated", _("Estimated")
        HELD = "held", _("What was reserved, until the real figure comes")
        NONE = "none", _("Nothing used")

    id = models.UUIDField(primary_key=True)
    accepted_at = models.DateTimeField(_("time"))
    request_id = models.UUIDField(_("request id"))
    attempt = models.SmallIntegerField(
        _("attempt"),
        help_text=_(
            "0: no provider answered, and it counts in no limit. What a cache answered in a provider's place is 1."
        ),
    )
    tenant = models.ForeignKey(
        Tenant, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+", verbose_name=_("tenant")
    )
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+", verbose_name=_("API key")
    )
    endpoint = models.CharField(_("endpoint"), max_length=24)
    end_user = models.CharField(_("end user"), max_length=200, blank=True)
    task = models.CharField(_("task"), max_length=60, blank=True)
    feature = models.CharField(_("feature"), max_length=120, blank=True)
    tags = ArrayField(models.CharField(max_length=64), default=list, verbose_name=_("tags"))
    model_asked = models.CharField(_("model asked"), max_length=120)
    model_served = models.CharField(_("model served"), max_length=120, blank=True)
    provider = models.CharField(_("provider"), max_length=60, blank=True)
    is_stream = models.BooleanField(_("streamed"))
    status = models.SmallIntegerField(_("status"), help_text=_("HTTP status sent to the client; 499 if it had left."))
    outcome = models.CharField(_("outcome"), max_length=16, choices=Outcome.choices)
    error_type = models.CharField(_("error type"), max_length=64, blank=True)
    error_message = models.CharField(_("error"), max_length=500, blank=True)
    finish_reason = models.CharField(_("finish reason"), max_length=40, blank=True)
    cache = models.CharField(_("cache"), max_length=12, blank=True)
    input_tokens = models.BigIntegerField(_("input tokens"))
    cache_read_tokens = models.BigIntegerField(_("cache read tokens"))
    cache_write_5m_tokens = models.BigIntegerField(_("cache write tokens (5 min)"))
    cache_write_1h_tokens = models.BigIntegerField(_("cache write tokens (1 h)"))
    output_tokens = models.BigIntegerField(_("output tokens"))
    reasoning_tokens = models.BigIntegerField(_("reasoning tokens"))
    usage_source = models.CharField(_("usage"), max_length=10, choices=UsageSource.choices)
    cost_usd = models.DecimalField(_("cost (USD)"), max_digits=20, decimal_places=9)
    is_priced = models.BooleanField(
        _("priced"), help_text=_("Off: no price is known for the model, and the cost is 0.")
    )
    latency_ms = models.FloatField(_("latency (ms)"))
    ttft_ms = models.FloatField(_("time to first token (ms)"), null=True)
    steps_us = models.JSONField(_("time per step (µs)"))
    tier = models.CharField(_("tier"), max_length=40, blank=True)
    refused_by = models.CharField(_("refused by"), max_length=80, blank=True, help_text=_("The limit that refused."))
    output_cap = models.BigIntegerField(
        _("output cap"), null=True, help_text=_("Most output tokens that were allowed to the provider.")
    )
    is_final = models.BooleanField(
        _("final"),
        default=True,
        help_text=_("It tells how the request ended; the others are attempts that failed before."),
    )
    opens_model = models.BooleanField(
        _("first call of its model"), default=True, help_text=_("Budgets of requests to a model count it.")
    )
    context_tokens_before = models.BigIntegerField(
        _("input tokens as sent by the caller"),
        null=True,
        help_text=_("By an estimate, where a context policy applied."),
    )
    context_tokens_after = models.BigIntegerField(
        _("input tokens after context optimisation"), null=True, help_text=_("By the same estimate.")
    )
    prefix_saved_usd = models.DecimalField(
        _("saved by the provider's cache (USD)"),
        max_digits=20,
        decimal_places=9,
        default=0,
        help_text=_("Less than nothing where what was written has cost more than what was read has saved."),
    )
    cache_reason = models.CharField(_("why"), max_length=200, blank=True)
    saved_usd = models.DecimalField(
        _("saved (USD)"),
        max_digits=20,
        decimal_places=9,
        null=True,
        help_text=_("What the cached answer cost when it was made."),
    )
    cache_age_ms = models.BigIntegerField(_("age of the cached answer (ms)"), null=True)
    cache_similarity = models.FloatField(
        _("similarity"), null=True, help_text=_("Of the two questions, where they are not the very same.")
    )
    trail = models.JSONField(
        _("trail"),
        null=True,
        help_text=_(
            "How the request came to this attempt: rule, strategy, models passed over, prices charged (picodollars per token)."
        ),
    )

    class Meta:
        managed = False  # partitioned: the table is made by SQL in the first migration
        db_table = "gateway_requestlog"
        ordering = ["-accepted_at"]
        verbose_name = _("request")
        verbose_name_plural = _("requests")

    def __str__(self) -> str:
        return f"req_{self.request_id.hex}"
