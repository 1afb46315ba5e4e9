"""Connections to providers: made, changed, tried out and removed. For the pages and the management API, the operator's and tenants' own.

A credential is written and never read back. So that nobody who may edit a connection has it sent to a server of theirs, it is to be
entered again whenever the address changes. Where a tenant's address may lead is checked when it is entered, so that a mistake is told
early; what holds is the data plane's own check, at each connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from gateway import probes, types
from gateway.models import Provider
from gateway.probes import Report
from tenants import outbound


@dataclass(frozen=True)
class Address:
    """Where a provider is called."""

    kind: str
    base_url: str

    @classmethod
    def of(cls, provider: Provider) -> Address:
        return cls(provider.kind, provider.effective_base_url)

    @property
    def origin(self) -> tuple[str, str | None, int | None]:
        parts = urlsplit(self.base_url)
        default = {"https": 443, "http": 80}.get(parts.scheme)
        return parts.scheme, parts.hostname, _port(self.base_url) or default


def add(provider: Provider) -> None:
    """Save a new one. Raises `ValidationError`."""
    provider.full_clean()
    check_address(provider)
    provider.save()


def change(provider: Provider, *, has_new_credential: bool) -> None:
    """Save an edited one, whose credential is either a new one or the one it had. Raises `ValidationError`."""
    before = Address.of(Provider.objects.only("kind", "base_url").get(pk=provider.pk))
    provider.full_clean()
    check_change(provider, before, has_new_credential=has_new_credential)
    if has_new_credential or Address.of(provider) != before:
        provider.tested_at, provider.test_fault = None, ""
    provider.save()


def check_change(provider: Provider, before: Address, *, has_new_credential: bool) -> None:
    """Raises `ValidationError` where the credential would go somewhere else than it was entered for, or nobody may be called there."""
    after = Address.of(provider)
    if after.origin != before.origin and provider.credential and not has_new_credential:
        text = _("The address has changed. Enter the key again, so that it goes only to where you mean it to.")
        raise ValidationError({"credential": text})
    if after != before:
        check_address(provider)


def check_address(provider: Provider) -> None:
    """Raises `ValidationError` if a tenant's provider is where tenants may lead nobody. Looks names up, for at most five seconds."""
    if provider.tenant_id is None or not provider.base_url:
        return
    try:
        outbound.check(provider.effective_base_url)
    except outbound.OutboundError as error:
        raise ValidationError({"base_url": str(error)}) from error


def remove(provider: Provider) -> None:
    """Delete it with its models. Raises `ProtectedError` while tasks or rules send requests to one of them."""
    provider.delete()


def try_out(provider: Provider, *, model: str = "") -> Report:
    """Probe it as it is stored (`gateway.probes.probe`), and remember what came of it. Takes up to ten seconds."""
    report = probes.probe(upstream(provider), model=model)
    remember(provider, report)
    return report


def remember(provider: Provider, report: Report) -> None:
    """Note what a probe of it has found. No edit: neither the audit trail nor the gateway hears of it."""
    provider.tested_at = timezone.now()
    provider.test_fault = report.fault.value if report.fault is not None else ""
    Provider.objects.filter(pk=provider.pk).update(tested_at=provider.tested_at, test_fault=provider.test_fault)


def upstream(provider: Provider) -> types.Provider:
    """As the data plane knows it. Raises `UndecryptableError`."""
    return types.Provider(
        id=provider.pk or UUID(int=0),
        name=provider.name,
        kind=provider.kind,
        base_url=provider.effective_base_url,
        credential=types.Secret(provider.credential),
        is_guarded=provider.tenant_id is not None,
    )


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        return None
