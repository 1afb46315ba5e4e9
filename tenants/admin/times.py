"""Moments as people say them, with the exact one for whoever looks closer."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib.humanize.templatetags.humanize import naturaltime
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

SLACK = dt.timedelta(seconds=30)  # so that what was set to 24 hours just now is not “23 hours from now”


def ago(at: dt.datetime | None, otherwise: Any = "–") -> SafeString:
    """Such as “3 minutes ago”, or “in 2 days”; the date and time, in the page's time zone, on hover."""
    if at is None:
        return format_html("{}", otherwise)
    local = timezone.localtime(at)
    exact = f"{formats.date_format(local, 'DATETIME_FORMAT')} ({local.tzname()})"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.isoformat(),
        exact,
        naturaltime(at + SLACK if at > timezone.now() else at),
    )
