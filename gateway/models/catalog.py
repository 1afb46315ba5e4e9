"""Where calls can go: providers, and the models they serve under the names that applications use."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator, URLValidator
from django.db import models
from django.db.models import Q, TextChoices
from django.utils.translation import gettext_lazy as _

from billing import prices
from tenants.encryption import EncryptedTextField
from tenants.ids import uuid7
from tenants.managers import TenantManager
from tenants.models import ConfigModel, Tenant, TenantOwned

MODEL_NAME = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9._:/@+?=&-]*\Z",
    _("Use letters, digits and . _ : / @ + - only, beginning with a letter or digit."),
)


class SharedOrOwned(TenantOwned, ConfigModel):
    """A row of the operator's, offered to every tenant (no tenant), or one tenant's own."""

    tenant = models.ForeignKey(  # type: ignore[assignment]  # the base's is never empty
        Tenant,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("tenant"),
        help_text=_("Empty: the operator's, for every tenant."),
    )

    objects: ClassVar[TenantManager[Self]] = TenantManager(shares_unowned=True)

    class Meta:
        abstract = True

    def with_owner(self, text: str) -> str:
        """`text`, and whose it is if it is a tenant's: names are unique only among the rows of one owner."""
        return f"{text} · {self.tenant}" if self.tenant_id is not None else text

    def refuse_foreign(self, field: str, other: SharedOrOwned | None) -> None:
        """Raises `ValidationError` on `field` if `other` belongs to a tenant that this row does not belong to."""
        if other is not None and other.tenant_id is not None and other.tenant_id != self.tenant_id:
            raise ValidationError({field: _("“%(other)s” belongs to another tenant.") % {"other": other}})


# How providers' keys begin. That much of one, and its last four characters, may be shown; of a short one nothing.
KEY_BEGINNINGS = ("sk-ant-", "sk-proj-", "sk-or-", "sk-", "gsk_", "xai-", "pplx-", "hf_")
LEAST_CREDENTIAL_WITH_HINT = 20


def credential_hint(credential: str) -> str:
    """What people recognise a credential by, such as sk-…a1b2; empty for one that is too short to tell any of it."""
    if len(credential) < LEAST_CREDENTIAL_WITH_HINT:
        return ""
    begins = next((text for text in KEY_BEGINNINGS if credential.startswith(text)), "")
    return f"{begins}…{credential[-4:]}"


class Provider(SharedOrOwned):
    """An upstream that speaks OpenAI's or Anthropic's format, with the credential to call it."""

    class Kind(TextChoices):
        ANTHROPIC = "anthropic", _("Anthropic")
        OPENAI = "openai", _("OpenAI")
        OPENAI_COMPATIBLE = "openai-compatible", _("OpenAI-compatible server")

    DEFAULT_BASE_URLS = {Kind.ANTHROPIC: "https://api.anthropic.com", Kind.OPENAI: "https://api.openai.com/v1"}

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.SlugField(
        _("name"), max_length=60, help_text=_("Short, as shown in headers and reports, such as openai or azure-eu.")
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    base_url = models.CharField(
        _("base URL"),
        max_length=300,
        blank=True,
        validators=[URLValidator(schemes=["http", "https"])],
        help_text=_("What the provider's own SDK takes as base URL. Empty for Anthropic and OpenAI themselves."),
    )
    credential = EncryptedTextField(
        _("credential"), blank=True, help_text=_("The provider's API key. Encrypted at rest, never shown again.")
    )
    credential_hint = models.CharField(_("credential"), max_length=24, blank=True, editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    # What the last test of the connection found: a `gateway.probes.Fault`, empty if it went well.
    tested_at = models.DateTimeField(_("tested"), null=True, blank=True, editable=False)
    test_fault = models.CharField(max_length=20, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name = _("provider")
        verbose_name_plural = _("providers")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="provider_name_once",
                nulls_distinct=False,
                violation_error_message=_("There is a provider of this name already."),
            )
        ]

    def __str__(self) -> str:
        return self.with_owner(self.name)

    def save(self, *args: Any, **kwargs: Any) -> None:
        if "credential" not in self.get_deferred_fields():
            self.credential_hint = credential_hint(self.credential)
            if "credential" in (kwargs.get("update_fields") or ()):
                kwargs["update_fields"] = {*kwargs["update_fields"], "credential_hint"}
        super().save(*args, **kwargs)

    @property
    def effective_base_url(self) -> str:
        """The URL that paths are joined to, without a slash at its end."""
        return (self.base_url or self.DEFAULT_BASE_URLS.get(self.Kind(self.kind), "")).rstrip("/")

    def clean(self) -> None:
        super().clean()
        errors: dict[str, Any] = {}
        if self.kind == self.Kind.OPENAI_COMPATIBLE and not self.base_url:
            errors["base_url"] = _("An OpenAI-compatible server needs its base URL, such as http://10.0.0.5:8000/v1.")
        if not self.credential and self.kind in self.DEFAULT_BASE_URLS and not self.base_url:
            errors["credential"] = _("This provider refuses every call without a credential.")
        if any(
            character.isspace() or not character.isprintable() or ord(character) > 126 for character in self.credential
        ):
            errors["credential"] = _(
                "A credential is one line of printable ASCII without blanks. Was something else pasted along?"
            )
        if errors:
            raise ValidationError(errors)


def _usd_per_million(label: Any) -> models.DecimalField[Any, Any]:
    return models.DecimalField(
        label, max_digits=12, decimal_places=6, null=True, blank=True, validators=[MinValueValidator(0)]
    )


class Model(SharedOrOwned):
    """A model an application may name, and what it is upstream. A tenant's own hides the operator's of the same name."""

    class Breaker(models.TextChoices):
        AUTO = "auto", _("Automatic: opens when most calls fail")
        CLOSED = "closed", _("Held closed: always called")
        OPEN = "open", _("Held open: never called")

    class Capability(models.TextChoices):
        CHAT = "chat", _("Chat")
        EMBEDDINGS = "embeddings", _("Embeddings")
        STREAMING = "streaming", _("Streaming")
        TOOLS = "tools", _("Tools")
        VISION = "vision", _("Images")
        JSON_SCHEMA = "json_schema", _("JSON schema")
        REASONING = "reasoning", _("Reasoning")
        PROMPT_CACHE_KEY = "prompt_cache_key", _("Prompt cache key (compatible servers)")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="models", verbose_name=_("provider"))
    name = models.CharField(
        _("name"), max_length=120, validators=[MODEL_NAME], help_text=_("What applications send as `model`.")
    )
    upstream_id = models.CharField(
        _("upstream id"),
        max_length=200,
        blank=True,
        help_text=_("What the provider calls it. Empty: the same as the name."),
    )
    capabilities = ArrayField(
        models.CharField(max_length=20, choices=Capability.choices),
        verbose_name=_("capabilities"),
        help_text=_("What the model can do; a request that needs more is not sent to it."),
    )
    context_window = models.PositiveIntegerField(
        _("context window"), null=True, blank=True, help_text=_("Tokens, input and output together.")
    )
    max_output_tokens = models.PositiveIntegerField(
        _("most output tokens"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("The model's own maximum; sent where a call to Anthropic names none."),
    )
    quality = models.PositiveSmallIntegerField(
        _("quality"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(100)],
        help_text=_("0 to 100, as you judge it; rules and tasks may ask for a least. Empty: not known."),
    )
    price_ref = models.CharField(
        _("price reference"),
        max_length=200,
        blank=True,
        help_text=_(
            "provider:model in the genai-prices catalog, such as openai:gpt-4o. Empty: looked up by kind and upstream id."
        ),
    )
    input_usd_per_mtok = _usd_per_million(_("input, USD per million tokens"))
    output_usd_per_mtok = _usd_per_million(_("output, USD per million tokens"))
    cache_read_usd_per_mtok = _usd_per_million(_("cache read, USD per million tokens"))
    cache_write_5m_usd_per_mtok = _usd_per_million(_("cache write (5 min), USD per million tokens"))
    cache_write_1h_usd_per_mtok = _usd_per_million(_("cache write (1 h), USD per million tokens"))
    breaker = models.CharField(
        _("circuit breaker"),
        max_length=6,
        choices=Breaker.choices,
        default=Breaker.AUTO,
        help_text=_("While it is open, requests go to the next model of their chain."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name = _("model")
        verbose_name_plural = _("models")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="model_name_once",
                nulls_distinct=False,
                violation_error_message=_("There is a model of this name already."),
            ),
            models.CheckConstraint(
                condition=Q(input_usd_per_mtok=None, output_usd_per_mtok=None)
                | Q(input_usd_per_mtok__isnull=False, output_usd_per_mtok__isnull=False),
                name="model_price_override_complete",
                violation_error_message=_("A price override needs both an input and an output price."),
            ),
            models.CheckConstraint(condition=Q(quality=None) | Q(quality__lte=100), name="model_quality_to_100"),
        ]

    def __str__(self) -> str:
        return self.with_owner(self.name)

    @property
    def effective_upstream_id(self) -> str:
        return self.upstream_id or self.name

    def price_at(self, at: datetime) -> prices.Price | None:
        """The price in force at a time: the override of this row, else the catalog's; None if none is known."""
        override = None
        if self.input_usd_per_mtok is not None and self.output_usd_per_mtok is not None:
            override = prices.Override(
                input=self.input_usd_per_mtok,
                output=self.output_usd_per_mtok,
                cache_read=self.cache_read_usd_per_mtok,
                cache_write_5m=self.cache_write_5m_usd_per_mtok,
                cache_write_1h=self.cache_write_1h_usd_per_mtok,
            )
        return prices.resolve(
            kind=self.provider.kind,
            upstream_id=self.effective_upstream_id,
            price_ref=self.price_ref,
            override=override,
            at=at,
        )

    def clean(self) -> None:
        super().clean()
        if self.name.startswith("task/"):
            raise ValidationError({"name": _("Names that begin with “task/” are kept for tasks.")})
        if not self.capabilities:
            raise ValidationError({"capabilities": _("Choose at least one; a model without any is never used.")})
        if self.provider_id is not None:
            self.refuse_foreign("provider", self.provider)
