"""What was asked and answered, word for word, where a tenant has it stored; and what is to be forgotten of it."""

from __future__ import annotations

from typing import Any

from cryptography.fernet import Fernet
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenants.encryption import EncryptedTextField
from tenants.ids import uuid7
from tenants.models import ConfigModel, Tenant, TenantOwned

LONGEST_DAYS = 365


def _new_secret() -> str:
    return Fernet.generate_key().decode("ascii")


class ContentPolicy(TenantOwned, ConfigModel):
    """Whether prompts and answers are stored, and for how long. A tenant without one stores nothing.

    `secret` encrypts what is stored. It is itself under the installation's keys, so that those are rotated without touching any content.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    is_on = models.BooleanField(
        _("store prompts and answers"),
        default=False,
        help_text=_(
            "Off, nothing more is stored; what is there stays until its days are over, or until it is deleted."
        ),
    )
    tasks = ArrayField(
        models.CharField(max_length=60),
        default=list,
        blank=True,
        verbose_name=_("only of these tasks"),
        help_text=_("Their slugs, comma separated. Empty: of every request."),
    )
    redacts = models.BooleanField(
        _("leave personal data and secrets out"),
        default=True,
        help_text=_(
            "E-mail addresses, phone and card numbers, IBANs, IP addresses, API keys and passwords are replaced before anything "
            "is stored. The model gets the request as it was sent."
        ),
    )
    days = models.PositiveSmallIntegerField(
        _("kept for (days)"),
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_DAYS)],
        help_text=_("Older content is deleted; the request stays in the log without it."),
    )
    secret = EncryptedTextField(default=_new_secret, editable=False)

    class Meta:
        verbose_name = _("stored content")
        verbose_name_plural = _("stored content")
        constraints = [models.UniqueConstraint(fields=["tenant"], name="content_policy_once_per_tenant")]

    def __str__(self) -> str:
        return str(self._meta.verbose_name)


class RequestContent(TenantOwned):
    """The content of one request: compressed, and encrypted with the policy's secret. Written by a worker, and never changed.

    `prompt_bytes` and `answer_bytes` are sizes as they came; `is_cut`: not all of it is stored. `redactions`: what was left out, by kind.
    """

    id = models.UUIDField(_("request id"), primary_key=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, db_index=False, related_name="+", verbose_name=_("tenant")
    )
    accepted_at = models.DateTimeField(_("time"))
    end_user = models.CharField(_("end user"), max_length=200, blank=True)
    task = models.CharField(_("task"), max_length=60, blank=True)
    sealed = models.BinaryField()
    prompt_bytes = models.PositiveIntegerField(_("prompt (bytes)"))
    answer_bytes = models.PositiveIntegerField(_("answer (bytes)"))
    is_cut = models.BooleanField(_("cut"))
    redactions: Any = models.JSONField(_("left out"), default=dict)

    class Meta:
        verbose_name = _("content of a request")
        verbose_name_plural = _("content of requests")
        indexes = [
            models.Index(fields=["tenant", "accepted_at"], name="content_by_age"),
            models.Index(fields=["tenant", "end_user"], name="content_of_end_user", condition=~models.Q(end_user="")),
        ]

    def __str__(self) -> str:
        return f"req_{self.id.hex}"


class ContentErasure(TenantOwned):
    """Somebody had content deleted: what was asked before `before` is not stored either if it comes only now. Kept for some days."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    end_user = models.CharField(_("end user"), max_length=200, blank=True, help_text=_("Empty: everybody's."))
    before = models.DateTimeField(_("asked before"), default=timezone.now)

    class Meta:
        verbose_name = _("deletion of content")
        verbose_name_plural = _("deletions of content")

    def __str__(self) -> str:
        return f"{self.before:%Y-%m-%d %H:%M} {self.end_user}"
