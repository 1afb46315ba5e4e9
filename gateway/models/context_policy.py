"""What may be left out of a task's conversations before they go to a model."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from gateway.models.catalog import Model, SharedOrOwned
from gateway.models.routing import Task, given
from tenants.ids import uuid7
from tenants.models import Tenant


class ContextPolicy(SharedOrOwned):
    """A task's context policy. It belongs to whoever the task belongs to: `tenant` is copied from there on every save."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, null=True, editable=False, related_name="+")
    task = models.OneToOneField(Task, on_delete=models.CASCADE, related_name="context_policy", verbose_name=_("task"))
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_(
            "Off, or without a policy, conversations go to the model as they come. What was left out stands in the answer's header "
            "x-tollgate-context."
        ),
    )
    keep_messages = models.PositiveIntegerField(
        _("keep the last messages"),
        null=True,
        blank=True,
        default=10,
        validators=[MinValueValidator(1)],
        help_text=_(
            "At least so many of the latest messages stay, and all instructions (system, developer). A tool call always stays "
            "together with its results. Empty: nothing is left out for being old."
        ),
    )
    block_messages = models.PositiveIntegerField(
        _("leave out in blocks of"),
        default=10,
        validators=[MinValueValidator(1)],
        help_text=_(
            "Older messages go only once there are so many of them, and then all at once: in between, the beginning of the "
            "conversation stays the same and the provider's prompt cache goes on serving it. 1 saves most, and caches least."
        ),
    )
    fits_budget = models.BooleanField(
        _("fit the token limit"),
        default=True,
        help_text=_(
            "Leave out the oldest messages of conversations that are longer than the plan or the next field allows for one "
            "request, instead of refusing them. Parts marked with cache_control go only for this reason."
        ),
    )
    max_input_tokens = models.PositiveIntegerField(
        _("most input tokens"),
        null=True,
        blank=True,
        validators=[MinValueValidator(500)],
        help_text=_("Of one request, by Tollgate's estimate. Empty: the plan's limit alone."),
    )
    relevant_turns = models.PositiveSmallIntegerField(
        _("bring back relevant turns"),
        default=0,
        validators=[MaxValueValidator(50)],
        help_text=_(
            "Most exchanges, of those that would be left out, that stay because they resemble the user's last message. 0: none. "
            "What is brought back changes with each question, so less is served from the provider's prompt cache."
        ),
    )
    least_similarity_percent = models.PositiveSmallIntegerField(
        _("least similarity (%)"),
        default=30,
        validators=[MaxValueValidator(100)],
        help_text=_(
            "Exchanges that resemble the question less (by the cosine of their embeddings) are not brought back."
        ),
    )
    embedding_wait_ms = models.PositiveIntegerField(
        _("wait for embeddings (ms)"),
        default=100,
        validators=[MaxValueValidator(5000)],
        help_text=_(
            "If the comparison is not ready by then, the request goes on without it; the next one will have it."
        ),
    )
    summarises = models.BooleanField(
        _("summarise what is left out"),
        default=False,
        help_text=_(
            "A model sums it up, in the background: requests never wait for it, and carry the summary once it is there. It is "
            "made under the key and the end user of the request that needs it, counts towards their limits and budgets, "
            "and stands in the request log under the feature context-summary."
        ),
    )
    summary_model = models.ForeignKey(
        Model,
        on_delete=models.RESTRICT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("summary model"),
        help_text=_("A cheap one will do. Keys that are restricted to some models need this one among them."),
    )
    summary_tokens = models.PositiveIntegerField(
        _("most tokens of a summary"),
        default=400,
        validators=[MinValueValidator(50), MaxValueValidator(8000)],
    )
    collapses_whitespace = models.BooleanField(
        _("collapse blank space"),
        default=False,
        help_text=_(
            "Runs of spaces and of blank lines become one, in everything but the user's last message, code between fences, JSON and "
            "the arguments of tools."
        ),
    )
    drops_repetition = models.BooleanField(
        _("drop repetition"),
        default=False,
        help_text=_(
            "A long paragraph that stands in an earlier message already is replaced by a short reference to it."
        ),
    )

    class Meta:
        verbose_name = _("context policy")
        verbose_name_plural = _("context")

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} · {self.task}"

    def part_of_id(self) -> Any:
        """The id of the task; the audit trail shows changes there."""
        return self.task_id

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.tenant_id = self.task.tenant_id
        super().save(*args, **kwargs)

    def clean(self) -> None:
        super().clean()
        errors: dict[str, Any] = {}
        task = given(self, "task")
        if self.summarises and self.summary_model_id is None:
            errors["summary_model"] = _("Name the model that writes the summaries, or switch them off.")
        if (self.summarises or self.relevant_turns) and self.keep_messages is None and not self.fits_budget:
            errors["keep_messages"] = _(
                "Nothing would ever be left out, so there is nothing to sum up or bring back. Give a number, or fit the token limit."
            )
        if self.max_input_tokens is not None and not self.fits_budget:
            errors["max_input_tokens"] = _("This only says something if the token limit is to be fitted.")
        if self.summary_model_id is not None and "chat" not in self.summary_model.capabilities:  # type: ignore[union-attr]
            errors["summary_model"] = _("“%(model)s” cannot chat.") % {"model": self.summary_model}
        if errors:
            raise ValidationError(errors)
        if self.summary_model_id is not None and task is not None:
            task.refuse_foreign("summary_model", self.summary_model)
