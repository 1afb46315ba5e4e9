"""Addresses in consoles and out of them.

Within a console `reverse()` knows the console's pages only, and puts /t/<slug>/ before each, so that two tabs may show two tenants. The
functions here are for what leads across: into a tenant's console, and out of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.urls import get_script_prefix, reverse, set_script_prefix

URLCONF = "config.console_urls"

# Where Tollgate itself is mounted, once a console's prefix has taken that place.
_root: ContextVar[str | None] = ContextVar("tollgate_root", default=None)


def console(slug: str, name: str = "console:index", *args: Any, **kwargs: Any) -> str:
    """The address of a page in a tenant's console, from wherever one is."""
    with _prefixed(f"{_mounted_at()}t/{slug}/"):
        return reverse(name, URLCONF, args=args or None, kwargs=kwargs or None)


def outside(name: str, *args: Any, **kwargs: Any) -> str:
    """The address of a page that belongs to no tenant, from wherever one is."""
    with _prefixed(_mounted_at()):
        return reverse(name, settings.ROOT_URLCONF, args=args or None, kwargs=kwargs or None)


@contextmanager
def within(slug: str) -> Iterator[None]:
    """Let `reverse()` lead to pages of the tenant's console until the block ends."""
    root = _mounted_at()
    token = _root.set(root)
    try:
        with _prefixed(f"{root}t/{slug}/"):
            yield
    finally:
        _root.reset(token)


def _mounted_at() -> str:
    return _root.get() or get_script_prefix()


@contextmanager
def _prefixed(prefix: str) -> Iterator[None]:
    former = get_script_prefix()
    set_script_prefix(prefix)
    try:
        yield
    finally:
        set_script_prefix(former)
