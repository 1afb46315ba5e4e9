"""The playground's credentials: tokens of a few minutes for the people who may use it, and the tenant's key that their calls count as.

The page calls the API from the browser, as an application would, so it needs a credential that may be seen there. A token says whose
console it was given in, to whom and until when; the gateway recognises it by its seal, without asking anybody. Whether the person may use
the playground is asked when it is given, so who loses that right has it for ten more minutes at most.

What is called by tokens counts as the tenant's *playground key*: a key like any other, with limits and budgets of its own, whose secret
nobody has ever seen. It is made on first use. An admin who revokes it switches the playground off, until somebody switches it on again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from tenants import api_keys
from tenants.models import ApiKey, Tenant
from tenants.sealed import Seal

PREFIX = "tgp-"
LIFETIME_SECONDS = 600
SCOPES = (ApiKey.Scope.CHAT, ApiKey.Scope.EMBEDDINGS, ApiKey.Scope.FEEDBACK)
USD_PER_MONTH = Decimal(20)  # until an admin says otherwise: enough to try things out, too little to hurt
CONCURRENCY = 20
MAX_TAG = 64
MOST_PERSON_BYTES = 90  # of a name in a token
_SEAL = Seal("playground")
_EXPIRY_BYTES = 4


class SwitchedOff(Exception):
    """The playground's key was revoked or has expired."""


class Pass(NamedTuple):
    """What a token says. `expires_at` is Unix seconds; `person` a user name, its beginning if it is a very long one."""

    tenant_id: UUID
    person: str
    expires_at: int


def issue(tenant_id: UUID, person: str, *, now: float | None = None) -> str:
    """A token for somebody of whom it is known that they may use the tenant's playground."""
    expires_at = int(time.time() if now is None else now) + LIFETIME_SECONDS
    name = person.encode()[:MOST_PERSON_BYTES].decode(errors="ignore").encode()
    return PREFIX + _SEAL.close(tenant_id.bytes + expires_at.to_bytes(_EXPIRY_BYTES, "big") + name)


def read(token: str) -> Pass | None:
    """What the token says, expired or not; None if it is not one of ours."""
    content = _SEAL.open(token.removeprefix(PREFIX))
    if content is None:
        return None
    expires_at, name = content[16 : 16 + _EXPIRY_BYTES], content[16 + _EXPIRY_BYTES :]
    return Pass(UUID(bytes=content[:16]), name.decode(), int.from_bytes(expires_at, "big"))


def tags(person: str) -> list[str]:
    """What stands on every call from the playground, as the header for tags takes it: rules, budgets and reports can tell them apart."""
    return ["playground", quote(f"by:{person.replace(',', ' ')}"[:MAX_TAG], safe="@:")]


@dataclass(frozen=True)
class State:
    """The tenant's playground key: None if it has never been used. `is_on`: calls count as it; a new tenant's is."""

    key: ApiKey | None

    @property
    def is_on(self) -> bool:
        return self.key is None or self.key.is_usable


def state(tenant: Tenant) -> State:
    """Of the keys that the playground has had, the newest counts."""
    return State(ApiKey.objects.filter(tenant=tenant, kind=ApiKey.Kind.PLAYGROUND).order_by("-created_at").first())


def open_for(tenant: Tenant, *, by: Any) -> ApiKey:
    """The key that the tenant's playground calls count as, made if there was never one. Raises `SwitchedOff`."""
    found = state(tenant)
    if not found.is_on:
        raise SwitchedOff
    return found.key or _make(tenant, by=by)


def switch_on(tenant: Tenant, *, by: Any) -> ApiKey:
    """A new key with the limits of the one that was revoked or has expired. Changes nothing where the playground is on."""
    former = state(tenant)
    if former.is_on or former.key is None:
        return former.key or _make(tenant, by=by)
    with transaction.atomic():
        api_keys.revoke(former.key)  # an expired one would stand in the new one's way
        return _make(tenant, by=by, **{name: getattr(former.key, name) for name in _CARRIED_ON})


_CARRIED_ON = (
    "allowed_models", "allowed_tasks", "requests_per_minute", "tokens_per_minute", "max_concurrency", "tokens_per_month", "usd_per_month",
)  # fmt: skip


def _make(tenant: Tenant, *, by: Any, **limits: Any) -> ApiKey:
    """Two people who come first at once get the same one."""
    limits = limits or {"usd_per_month": USD_PER_MONTH, "max_concurrency": CONCURRENCY}
    try:
        with transaction.atomic():
            return api_keys.create(
                tenant, name=_("Playground"), kind=ApiKey.Kind.PLAYGROUND, scopes=SCOPES, created_by=by, **limits
            ).api_key
    except (IntegrityError, ValidationError):
        made = state(tenant)
        if made.key is None or not made.is_on:
            raise
        return made.key
