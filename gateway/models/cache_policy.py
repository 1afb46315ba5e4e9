"""What of a tenant may be answered from which cache, for all of its requests or for those of one task."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from gateway import types
from gateway.models.routing import Task, given
from tenants.ids import uuid7
from tenants.models import ConfigModel, TenantOwned

DAY, YEAR = 86_400, 31_536_000
DEFAULT_MAX_MEGABYTES = 64


class CachePolicy(TenantOwned, ConfigModel):
    """A cache policy. Without a task it holds for all requests whose task has none of its own, and for models asked for by name."""

    class Scope(models.TextChoices):
        TENANT = "tenant", _("The whole tenant: who asks the same gets the same answer")
        END_USER = "end_user", _("Each end user: nobody gets what was answered to another")

    class PrefixTtl(models.TextChoices):
        AUTO = "auto", _("Whichever is worth it")
        SHORT = "5m", _("5 minutes")
        LONG = "1h", _("1 hour")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    task = models.ForeignKey(
        Task,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("task"),
        help_text=_("Empty: every request that no other policy is about, and models that are asked for by name."),
    )
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Off: nothing of this is cached, whatever the tenant's other policy says."),
    )
    exact = models.BooleanField(
        _("exact cache"),
        default=True,
        help_text=_(
            "The very same request again is answered without calling a model, at no cost; and of the same requests at the same "
            "time only one calls a model."
        ),
    )
    ttl_seconds = models.PositiveIntegerField(
        _("fresh for (seconds)"),
        default=3600,
        validators=[MinValueValidator(1), MaxValueValidator(YEAR)],
        help_text=_("So long an answer is given again. 3600 is an hour, 86400 a day."),
    )
    stale_seconds = models.PositiveIntegerField(
        _("stands in for (seconds)"),
        default=DAY,
        validators=[MaxValueValidator(YEAR)],
        help_text=_(
            "So long afterwards it is still given, marked as stale, where no model can answer. 0: never. It takes up room meanwhile."
        ),
    )
    scope = models.CharField(
        _("shared by"),
        max_length=10,
        choices=Scope.choices,
        default=Scope.TENANT,
        help_text=_(
            "No other tenant ever gets it. Choose each end user where answers depend on who asks though the request does not show "
            "it, or where nobody may find out what others have asked; requests that name no end user are then not cached."
        ),
    )
    max_temperature = models.DecimalField(
        _("highest temperature"),
        max_digits=3,
        decimal_places=2,
        default=Decimal("0.3"),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(2))],
        help_text=_(
            "A request that asks for a higher one wants variety and is not cached. One that names none is: it did not ask for variety."
        ),
    )
    with_tools = models.BooleanField(
        _("with tools"),
        default=False,
        help_text=_(
            "Also keep answers that call tools, and answer requests from the cache whose tools the provider runs itself, such as a web "
            "search."
        ),
    )
    embeddings = models.BooleanField(
        _("embeddings"),
        default=True,
        help_text=_("Of the same text they are the same; takes more room than answers do."),
    )
    max_entry_kilobytes = models.PositiveIntegerField(
        _("largest answer (kB)"),
        default=256,
        validators=[MinValueValidator(1), MaxValueValidator(8192)],
        help_text=_("What is larger is not kept."),
    )
    max_megabytes = models.PositiveIntegerField(
        _("room for all answers (MB)"),
        default=DEFAULT_MAX_MEGABYTES,
        validators=[MinValueValidator(1), MaxValueValidator(65_536)],
        help_text=_(
            "Of the whole tenant, in Redis. When it is full, the oldest answers go. Only said here, in the policy for all tasks."
        ),
    )
    semantic = models.BooleanField(
        _("semantic cache"),
        default=False,
        help_text=_("A question that means the same as an earlier one is given its answer."),
    )
    semantic_threshold = models.DecimalField(
        _("least similarity"),
        max_digits=4,
        decimal_places=3,
        default=Decimal("0.95"),
        validators=[MinValueValidator(Decimal("0.5")), MaxValueValidator(Decimal(1))],
        help_text=_("Of two questions, as the cosine of their embeddings. A caller may ask for more, never for less."),
    )
    target_false_percent = models.DecimalField(
        _("wrong answers tolerated (%)"),
        max_digits=4,
        decimal_places=2,
        default=Decimal(2),
        validators=[MinValueValidator(Decimal("0.1")), MaxValueValidator(Decimal(50))],
        help_text=_("Of a hundred hits. The similarity that is asked for follows what is measured."),
    )
    semantic_verified = models.BooleanField(
        _("check hits"),
        default=True,
        help_text=_(
            "A trained check decides, too, so that a lower similarity will do. Numbers, dates, names and negations must agree in any case."
        ),
    )
    semantic_agent_turns = models.BooleanField(
        _("agents' turns, too"),
        default=False,
        help_text=_(
            "Also where the last message is a tool's result. Rarely wise: what matters there is in the details."
        ),
    )
    semantic_max_age_seconds = models.PositiveIntegerField(
        _("oldest answer (seconds)"), default=DAY, validators=[MinValueValidator(1), MaxValueValidator(YEAR)]
    )
    prefix = models.BooleanField(
        _("prefix cache"),
        default=True,
        help_text=_(
            "Has the provider keep the beginning of requests, where that costs less than it saves. Answers are made anew each time. On "
            "where no policy says otherwise."
        ),
    )
    prefix_ttl = models.CharField(
        _("kept by the provider for"), max_length=4, choices=PrefixTtl.choices, default=PrefixTtl.AUTO
    )

    class Meta:
        ordering = ["tenant", "task"]
        verbose_name = _("cache policy")
        verbose_name_plural = _("cache policies")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "task"],
                nulls_distinct=False,
                name="cache_policy_once_per_task",
                violation_error_message=_("The tenant has a cache policy for this already."),
            )
        ]

    def rules(self) -> types.CachePolicy | None:
        """What answers may be given again, as the data plane takes it; None: none."""
        if not self.is_active:
            return None
        return types.CachePolicy(
            exact=self.exact,
            ttl_seconds=self.ttl_seconds,
            stale_seconds=self.stale_seconds,
            is_per_end_user=self.scope == self.Scope.END_USER,
            max_temperature=float(self.max_temperature),
            with_tools=self.with_tools,
            embeddings=self.embeddings,
            max_entry_bytes=self.max_entry_kilobytes * 1024,
            semantic=self.semantic,
            semantic_threshold=float(self.semantic_threshold),
            semantic_target=float(self.target_false_percent) / 100,
            semantic_verified=self.semantic_verified,
            semantic_agent_turns=self.semantic_agent_turns,
            semantic_max_age_seconds=self.semantic_max_age_seconds,
        )

    def prefix_policy(self) -> types.PrefixPolicy:
        return types.PrefixPolicy(is_on=self.is_active and self.prefix, lifetime=self.prefix_ttl)

    def __str__(self) -> str:
        return f"{self.tenant} · {self.task if self.task_id else _('all tasks')}"

    def clean(self) -> None:
        super().clean()
        errors: dict[str, Any] = {}
        task = given(self, "task")
        if task is not None and task.tenant_id is not None and task.tenant_id != self.tenant_id:
            errors["task"] = _("This tenant has no such task.")
        if self.task_id and self.max_megabytes != DEFAULT_MAX_MEGABYTES:
            errors["max_megabytes"] = _("The room is the whole tenant's: set it in the policy for all tasks.")
        if self.max_entry_kilobytes * 1024 > self.max_megabytes * 1_048_576:
            errors["max_entry_kilobytes"] = _("One answer would be larger than the room for all.")
        if errors:
            raise ValidationError(errors)
