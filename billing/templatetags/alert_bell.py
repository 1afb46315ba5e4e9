"""The bell in the console's header."""

from __future__ import annotations

from typing import Any

from django import template

register = template.Library()


@register.inclusion_tag("billing/alerts/bell.html", takes_context=True)
def alert_bell(context: Any) -> dict[str, Any]:
    """Nothing on pages that are in no console."""
    from billing.pages.alerts import bell_of

    request = context.get("request")
    return {"bell": bell_of(request) if request is not None else None}
