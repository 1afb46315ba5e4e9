"""What a cache did for a request, in words."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from gateway.admin import timeline
from gateway.models import RequestLog

IN_A_PROVIDERS_PLACE = frozenset({"hit", "semantic"})


def is_answer(row: RequestLog) -> bool:
    """Whether a cache answered in a provider's place."""
    return row.cache in IN_A_PROVIDERS_PLACE


def shown(row: RequestLog, *, saved: str) -> str | None:
    """What it did, why, how old the answer was, and what that saved."""
    if not row.cache:
        return None
    words = [f"{row.cache} ({row.cache_reason})" if row.cache_reason else row.cache]
    if row.cache_age_ms is not None:
        words.append(str(_("%(time)s old") % {"time": timeline.duration(row.cache_age_ms * 1000)}))
    if row.cache_similarity is not None:
        words.append(str(_("similarity %(value)s") % {"value": f"{row.cache_similarity:.3f}"}))
    if saved:
        words.append(str(_("%(amount)s saved") % {"amount": saved}))
    return ", ".join(words)
