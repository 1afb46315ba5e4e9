"""Who uses Tollgate: tenants, the people who run them, the keys their applications call with, and their end users."""

from __future__ import annotations

import zoneinfo
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenants import config_versions, roles, tiers
from tenants.ids import uuid7
from tenants.managers import TenantManager
from tenants.tiers import DEFAULT_TIER


def validate_timezone(name: str) -> None:
    """Raises `ValidationError` unless `name` is an IANA time zone such as `Europe/Vienna`."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(
            _("“%(name)s” is not a time zone. Use an IANA name such as Europe/Vienna."), params={"name": name}
        )


class ConfigModel(models.Model):
    """A row the gateway reads into its snapshots. Saving or deleting one puts the edit in force on the next request.

    The database raises the tenant's `config_version` by trigger, whoever writes; this class only publishes the new version
    as soon as the transaction commits. Writes that pass it by (`QuerySet.update`, SQL) are published by a task within seconds.
    """

    class Meta:
        abstract = True

    def config_tenant_id(self) -> Any:
        """The tenant whose configuration this row belongs to; None where it concerns every tenant."""
        return getattr(self, "tenant_id", None)

    def part_of_id(self) -> Any:
        """The row that this one is edited as a part of, if any; its history shows this one's too."""
        return None

    def get_additional_data(self) -> dict[str, str]:
        """What django-auditlog keeps with each entry about this row."""
        ids = {"tenant_id": self.config_tenant_id(), "part_of": self.part_of_id()}
        return {name: str(value) for name, value in ids.items() if value is not None}

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        config_versions.publish_on_commit(self.config_tenant_id())

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        tenant_id = self.config_tenant_id()
        deleted = super().delete(*args, **kwargs)
        config_versions.publish_on_commit(tenant_id)
        return deleted


class Tenant(ConfigModel):
    """A company, or a part of one, whose applications call models through Tollgate."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=120)
    slug = models.SlugField(
        _("slug"),
        max_length=60,
        unique=True,
        help_text=_("Short name in addresses and reports. Lower case, digits, hyphens."),
    )
    timezone = models.CharField(
        _("time zone"),
        max_length=64,
        default="UTC",
        validators=[validate_timezone],
        help_text=_("Where this tenant's days and months begin and end, as an IANA name such as Europe/Vienna."),
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Switched off, every key of the tenant is refused.")
    )
    log_days = models.PositiveIntegerField(
        _("request log kept (days)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(36_500)],
        help_text=_(
            "Older requests are deleted; their sums stay on the dashboards. Empty: as the installation keeps them."
        ),
    )
    # Records before it have been deleted, also should more days be kept later.
    log_kept_from = models.DateTimeField(null=True, editable=False)
    config_version = models.BigIntegerField(default=1, editable=False)
    # Since when Redis counts for it. Should its counters be missing later, they were lost.
    counted_since = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = TenantManager("pk")

    class Meta:
        ordering = ["name"]
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")

    def __str__(self) -> str:
        return self.name

    def config_tenant_id(self) -> Any:
        return self.id


class TenantOwned(models.Model):
    """The base of every model whose rows belong to a tenant, once and for all: the database refuses to move one.

    It brings the tenant, and a default manager that shows the rows of the tenancy at hand (`tenants.tenancy`). What stands underneath is
    made by a migration: `EnableTenantRls` (`tenants.rls`) gives the table its policies, its rights in the console, and a guard on each
    foreign key that could lead into another tenant. A subclass may allow rows without a tenant, which are the operator's, by giving
    `tenant` anew.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, verbose_name=_("tenant"))

    objects = TenantManager()

    class Meta:
        abstract = True

    def get_additional_data(self) -> dict[str, str]:
        """What django-auditlog keeps with each entry about this row."""
        part_of = self.part_of_id() if isinstance(self, ConfigModel) else None
        ids = {"tenant_id": self.tenant_id, "part_of": part_of}
        return {name: str(value) for name, value in ids.items() if value is not None}


class Membership(TenantOwned):
    """A person's place in a tenant. The role says what the person may do there (`tenants.roles`)."""

    Role = roles.Role

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("user")
    )
    role = models.CharField(
        _("role"),
        max_length=12,
        choices=Role.choices,
        default=Role.VIEWER,
        help_text=_(
            "Owner: everything, incl. members. Admin: budgets, keys, rules. Developer: keys of their own. Viewer: look only."
        ),
    )
    created_at = models.DateTimeField(_("since"), auto_now_add=True)
    last_opened_at = models.DateTimeField(null=True, editable=False)  # the console one comes to after signing in

    class Meta:
        ordering = ["tenant", "user"]
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="membership_once_per_tenant")]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()}"

    def clean(self) -> None:
        """For forms. `tenants.memberships` holds to it also when two people change roles at once."""
        super().clean()
        if self._state.adding or self.role == roles.Role.OWNER:
            return
        owners = Membership.objects.filter(tenant_id=self.tenant_id, role=roles.Role.OWNER)
        if set(owners.values_list("pk", flat=True)) == {self.pk}:
            raise ValidationError({"role": _("This is the tenant's last owner. Make somebody else an owner first.")})


class ApiKey(TenantOwned, ConfigModel):
    """A key an application calls with: what it may do, and whose usage it is. Its secrets are rows of their own (`ApiKeySecret`)."""

    class Scope(models.TextChoices):
        CHAT = "chat", _("Chat: /v1/chat/completions and /v1/messages")
        EMBEDDINGS = "embeddings", _("Embeddings: /v1/embeddings")
        MODELS = "models", _("Models: list the catalog")
        USAGE = "usage", _("Usage: the whole tenant's, by key, end user, task, model")
        CACHE = "cache", _("Cache: what it holds, and purging it")
        FEEDBACK = "feedback", _("Feedback: rate answers at /v1/feedback")

    class Kind(models.TextChoices):
        APPLICATION = "application", _("An application's")
        PLAYGROUND = "playground", _("The playground's")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(
        _("name"), max_length=80, help_text=_("What uses this key, such as “support bot, production”.")
    )
    kind = models.CharField(
        _("kind"), max_length=12, choices=Kind.choices, default=Kind.APPLICATION, editable=False
    )  # nobody has the playground's secret: its page calls with tokens, see `tenants.playground`
    prefix = models.CharField(
        _("prefix"), max_length=16, editable=False, help_text=_("The beginning of its secret, to tell keys apart.")
    )
    scopes = ArrayField(
        models.CharField(max_length=20, choices=Scope.choices),
        verbose_name=_("scopes"),
        help_text=_("What the key may do. At least one."),
    )
    allowed_models = ArrayField(
        models.CharField(max_length=120),
        default=list,
        blank=True,
        verbose_name=_("allowed models"),
        help_text=_("Catalog names, comma separated. Empty: every model of the tenant."),
    )
    allowed_tasks = ArrayField(
        models.CharField(max_length=60),
        default=list,
        blank=True,
        verbose_name=_("allowed tasks"),
        help_text=_("Task slugs, comma separated. Empty: every task of the tenant."),
    )
    requests_per_minute = models.PositiveIntegerField(
        _("requests per minute"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Most requests in any 60 seconds. Empty: no limit of its own."),
    )
    tokens_per_minute = models.PositiveBigIntegerField(
        _("tokens per minute"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Most input and output tokens in any 60 seconds. Empty: no limit of its own."),
    )
    max_concurrency = models.PositiveIntegerField(
        _("concurrent requests"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Most requests under way at once. Empty: no limit of its own."),
    )
    tokens_per_month = models.PositiveBigIntegerField(
        _("tokens per month"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Most input and output tokens in a calendar month. Empty: no limit of its own."),
    )
    usd_per_month = models.DecimalField(
        _("USD per month"),
        max_digits=14,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Most that the key may cost in a calendar month. Empty: no limit of its own."),
    )
    expires_at = models.DateTimeField(
        _("expires"), null=True, blank=True, help_text=_("Refused from then on. Empty: never.")
    )
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("created by"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    changed_at = models.DateTimeField(auto_now=True, editable=False)

    class Meta:
        ordering = ["tenant", "name"]
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        indexes = [models.Index(fields=["tenant", "name"])]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"],
                condition=models.Q(kind="playground", revoked_at=None),
                name="one_playground_key_per_tenant",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def clean(self) -> None:
        super().clean()
        if not self.scopes:
            raise ValidationError({"scopes": _("Choose at least one scope; a key without any can do nothing.")})

    @property
    def is_usable(self) -> bool:
        """Whether a request with this key would be admitted now: neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


class EndUser(TenantOwned):
    """A person (or system) on whose behalf a tenant's application calls, under the name the application gives."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    external_id = models.CharField(
        _("external id"),
        max_length=200,
        help_text=_("As the application sends it: `user`, `metadata.user_id` or x-tollgate-user."),
    )
    tier = models.SlugField(
        _("tier"),
        max_length=40,
        default=DEFAULT_TIER,
        help_text=_("Which of the plan's per-user limits apply, such as free or paid."),
    )
    created_at = models.DateTimeField(_("first seen"), auto_now_add=True)

    class Meta:
        ordering = ["tenant", "external_id"]
        verbose_name = _("end user")
        verbose_name_plural = _("end users")
        constraints = [models.UniqueConstraint(fields=["tenant", "external_id"], name="end_user_once_per_tenant")]

    def __str__(self) -> str:
        return self.external_id

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        tiers.publish_on_commit(self.tenant_id, self.external_id)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        tenant_id, external_id = self.tenant_id, self.external_id
        deleted = super().delete(*args, **kwargs)
        tiers.publish_on_commit(tenant_id, external_id)
        return deleted


from tenants.models_joining import Invitation as Invitation  # noqa: E402
from tenants.models_joining import SsoConnection as SsoConnection  # noqa: E402
from tenants.models_keys import ApiKeySecret as ApiKeySecret  # noqa: E402
from tenants.models_management import KeptResult as KeptResult  # noqa: E402
from tenants.models_management import ManagementKey as ManagementKey  # noqa: E402
