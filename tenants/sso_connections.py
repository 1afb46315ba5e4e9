"""A tenant's single sign-on: setting it up, changing it, and taking it away, for its page and the management API.

Who is believed about which addresses is decided in `tenants.accounts.single_sign_on`; that a tenant approves none of its own domains, by
the database.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from tenants import outbound
from tenants.models import SsoConnection
from tenants.models_joining import DOMAIN


def issuer_of(text: str) -> str:
    """As it is stored. Raises `ValidationError` for what is not to be called from here."""
    issuer = text.strip().rstrip("/")
    try:
        outbound.check(issuer)
    except outbound.Refused as error:
        raise ValidationError(str(error)) from error
    return issuer


def domains_of(words: Iterable[str]) -> list[str]:
    """In lower case, without the @, once each. Raises `ValidationError` for what is no domain."""
    found = list(dict.fromkeys(word.strip().lower().removeprefix("@") for word in words if word.strip()))
    for domain in found:
        DOMAIN(domain)
    return found


@sensitive_variables("new_secret")
def save(connection: SsoConnection, *, new_secret: str = "") -> None:
    """Save a new or an edited one; an empty `new_secret` keeps the present one. Raises `ValidationError` by field.

    A secret stays with the issuer it was entered for, so that nobody has it sent elsewhere: with another issuer it has to be entered again.
    """
    stored = SsoConnection.objects.filter(pk=connection.pk).values_list("issuer", flat=True).first()
    wrong: dict[str, ValidationError] = {}
    if connection.issuer.strip().rstrip("/") != stored:
        try:
            connection.issuer = issuer_of(connection.issuer)
        except ValidationError as error:
            wrong["issuer"] = error
        if stored is not None and not new_secret:
            wrong["client_secret"] = ValidationError(_("With another issuer, enter its client secret as well."))
    try:
        connection.domains = domains_of(connection.domains)
    except ValidationError as error:
        wrong["domains"] = error
    if wrong:
        raise ValidationError(wrong)
    if new_secret:
        connection.client_secret = new_secret
    connection.full_clean()
    connection.save()
