"""`{% outside %}`: an address that belongs to no tenant, from within a console."""

from __future__ import annotations

from typing import Any

from django import template

from tenants.console import addresses

register = template.Library()


@register.simple_tag
def outside(name: str, *args: Any, **kwargs: Any) -> str:
    return addresses.outside(name, *args, **kwargs)


@register.simple_tag
def console(slug: str, name: str = "console:index", *args: Any, **kwargs: Any) -> str:
    return addresses.console(slug, name, *args, **kwargs)
