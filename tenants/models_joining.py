"""How people come to a tenant: invitations, and single sign-on through its own identity provider. Part of `tenants.models`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, URLValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenants.encryption import EncryptedTextField
from tenants.ids import uuid7
from tenants.models import Tenant, TenantOwned
from tenants.roles import Role

DOMAIN = RegexValidator(r"^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}\Z", _("A domain looks like acme.example."))


class Invitation(TenantOwned):
    """An offer to join a tenant, good once, for whoever reads the mail that it was sent in. Only the SHA-256 of its token is stored."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(_("e-mail"))
    role = models.CharField(_("role"), max_length=12, choices=Role.choices, default=Role.DEVELOPER)
    token_sha256 = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("invited by"),
    )
    created_at = models.DateTimeField(_("invited"), auto_now_add=True)
    sent_at = models.DateTimeField(_("last sent"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"))
    accepted_at = models.DateTimeField(_("accepted"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "email"],
                condition=Q(accepted_at=None, revoked_at=None),
                name="invitation_once_per_address",
                violation_error_message=_("This address has been invited already. Send the invitation again instead."),
            )
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_open(self) -> bool:
        return self.accepted_at is None and self.revoked_at is None and self.expires_at > timezone.now()


class SsoConnection(TenantOwned):
    """A tenant's identity provider (OpenID Connect).

    It vouches for addresses of `domains` as far as an operator has approved them: otherwise anybody could set up a provider that says
    that they are somebody else.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, related_name="sso", verbose_name=_("tenant"))
    name = models.CharField(_("name"), max_length=60, help_text=_("As people know it, such as “Acme login”."))
    issuer = models.CharField(
        _("issuer"),
        max_length=300,
        validators=[URLValidator(schemes=["https", "http"])],
        help_text=_("Its address, under which /.well-known/openid-configuration is found."),
    )
    client_id = models.CharField(_("client id"), max_length=200)
    client_secret = EncryptedTextField(
        _("client secret"), blank=True, help_text=_("Encrypted at rest, never shown again.")
    )
    domains = ArrayField(
        models.CharField(max_length=120, validators=[DOMAIN]),
        verbose_name=_("e-mail domains"),
        default=list,
        help_text=_(
            "Whose addresses it vouches for, separated by commas. They count once an operator has approved them."
        ),
    )
    approved_domains = ArrayField(
        models.CharField(max_length=120, validators=[DOMAIN]),
        verbose_name=_("approved domains"),
        default=list,
        blank=True,
        help_text=_("Set by operators, who know that the domains are the tenant's."),
    )
    joins_as = models.CharField(
        _("role of those who join"),
        max_length=12,
        choices=Role.choices,
        blank=True,
        help_text=_(
            "Whoever signs in with one of the domains becomes a member in this role. Empty: one has to be invited."
        ),
    )
    is_required = models.BooleanField(
        _("require single sign-on"),
        default=False,
        help_text=_("The console opens only for those who have signed in through it. Operators get in without."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("single sign-on")
        verbose_name_plural = _("single sign-on")

    def __str__(self) -> str:
        return self.name

    @property
    def provider_id(self) -> str:
        """What django-allauth knows it by."""
        return f"sso-{self.pk.hex}"

    @property
    def trusted_domains(self) -> frozenset[str]:
        """Those whose addresses it may vouch for."""
        return frozenset(self.domains) & frozenset(self.approved_domains)

    def vouches_for(self, email: str) -> bool:
        return email.rpartition("@")[2].lower() in self.trusted_domains

    def clean(self) -> None:
        super().clean()
        errors: dict[str, Any] = {}
        if settings.IS_PRODUCTION and not self.issuer.startswith("https://"):
            errors["issuer"] = _("The address must begin with https://.")
        if self.joins_as == Role.OWNER:
            errors["joins_as"] = _("Nobody becomes an owner by signing in.")
        if errors:
            raise ValidationError(errors)
