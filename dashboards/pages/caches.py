"""The tab Cache: how often each layer answers, beside what is to be expected of it, and what that saves."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboards.pages import words
from dashboards.pages.answers import Answers
from dashboards.pages.panels import Chart, Line, Mark, Table
from dashboards.pages.tabs import Tab

LAYERS = ("hit_rate", "exact_hit_rate", "semantic_hit_rate", "prefix_hit_rate")
LOOKUPS = ("cache_hits", "cache_semantic", "cache_stale", "cache_misses", "cache_bypassed")
SAVED = ("saved_exact_usd", "saved_semantic_usd", "saved_prefix_usd")
# Shares of the requests that a cache was asked about.
WARNING, CONVERSATION, SEARCH = 0.1, (0.2, 0.4), 0.5


def verdict(rate: Any) -> tuple[str, str]:
    """What a hit rate is beside the targets, in words and a tone."""
    if rate is None:
        return "", ""
    if rate < WARNING:
        return _("low: under 10 %"), "warn"
    if rate < CONVERSATION[0]:
        return _("below the target of conversations"), ""
    if rate < SEARCH:
        return _("as in conversations: 20–40 %"), "good"
    return _("as in search and FAQ: 50 % or more"), "good"


def _layers(answers: Answers) -> Chart:
    marks = (
        Mark(_("warning: under 10 %"), 0, WARNING, "warn"),
        Mark(_("conversations: 20–40 %"), *CONVERSATION, "good"),
        Mark(_("search, FAQ: 50 %"), SEARCH),
    )
    text = _("Of requests that a cache was asked about; the prefix cache by input tokens.")
    labels = {"hit_rate": _("exact and semantic")}
    return answers.over_time("rates", _("Hit rate by layer"), LAYERS, text=text, marks=marks, labels=labels)


def _lookups(answers: Answers) -> Chart:
    caches = dict(zip(LOOKUPS, ("hit", "semantic", "stale", "miss", "bypass"), strict=True))
    filters = {name: {"cache": cache} for name, cache in caches.items()}
    return answers.over_time("lookups", _("What the caches answered"), LOOKUPS, shape="bars", filters=filters)


def _saved(answers: Answers) -> Chart:
    names = tuple(name for name in SAVED if answers.whole[name]) or ("saved_prefix_usd",)
    return answers.over_time("saved", _("Saved"), names, shape="bars")


def _table(answers: Answers) -> Table:
    by = TAB.by(answers)
    names = ("requests", "hit_rate", "exact_hit_rate", "semantic_hit_rate", "prefix_hit_rate", "saved_usd")
    title = _("By %(dimension)s") % {"dimension": str(words.DIMENSION_NAMES[by]).lower()}
    made = answers.table("by", title, by, names, bar="hit_rate")
    lines = []
    for line in made.lines:
        note, tone = verdict(line.values[1])
        lines.append(Line(line.name, line.values, line.filters, note, tone))
    return Table(made.key, made.title, made.names, made.columns, tuple(lines), made.text, made.bar, made.notes)


TAB = Tab(
    slug="cache",
    label=gettext_lazy("Cache"),
    names=(*LAYERS, *LOOKUPS, *SAVED, "saved_usd", "requests"),
    tiles=("hit_rate", "exact_hit_rate", "semantic_hit_rate", "prefix_hit_rate", "saved_usd"),
    panels={"rates": _layers, "lookups": _lookups, "by": _table, "saved": _saved},
    dimensions=("task", "endpoint", "model", "key"),
    verdicts={"hit_rate": verdict},
)
