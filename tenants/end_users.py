"""End users: the people on whose behalf applications call. Mostly Tollgate meets them by itself; a tier is given to them here."""

from __future__ import annotations

from tenants.models import EndUser


def save(end_user: EndUser) -> None:
    """Save a new or an edited one; its tier counts from the next request on. Raises `ValidationError` by field."""
    end_user.full_clean()
    end_user.save()


def remove(end_user: EndUser) -> None:
    """Forget the tier. What was used under the name stays in the ledger, and the name may come again."""
    end_user.delete()
