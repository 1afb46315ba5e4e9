"""Filters of the API reference's templates."""

from __future__ import annotations

import re

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from config.reference import curl

register = template.Library()
BETWEEN = re.compile(r"`([^`]+)`")


@register.filter
def prose(text: str) -> SafeString:
    """A document's text as HTML: what stands between backticks is code."""
    return mark_safe(BETWEEN.sub(r"<code>\1</code>", escape(text)))  # noqa: S308 (escaped before)


@register.filter
def at(command: str, origin: str) -> str:
    """The command as it is called where the reader has come to."""
    return command.replace(curl.ORIGIN, origin)
