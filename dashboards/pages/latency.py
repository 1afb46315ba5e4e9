"""The tab Latency: how long answers take, where the time goes, and for how many it is too long for real-time use."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboards import steps
from dashboards.measures import SLOW_MS
from dashboards.metrics import Unit
from dashboards.pages import words
from dashboards.pages.answers import Answers
from dashboards.pages.panels import Chart, Column, Line, Mark, Table
from dashboards.pages.tabs import Tab

PERCENTILES = ("latency_p50", "latency_p95", "latency_p99")
FIRST_TOKEN = ("ttft_p50", "ttft_p95", "ttft_p99")
SPEED = ("speed_p5", "speed_p50", "speed_p95")
SHORT = {
    name: label
    for kind in ("latency", "ttft")
    for name, label in ((f"{kind}_p{percent}", f"p{percent}") for percent in (50, 95, 99))
}
REAL_TIME = Mark(str(SLOW_MS // 1000) + " s", SLOW_MS, tone="warn")


def _percentiles(answers: Answers) -> Chart:
    text = _(
        "Half of the requests are faster than p50, 95 of 100 faster than p95. Real-time use ends at the line of 5 s."
    )
    return answers.over_time(
        "latency", _("Latency"), PERCENTILES, text=text, marks=(REAL_TIME,), labels=SHORT, thresholds=PERCENTILES
    )


def _first_token(answers: Answers) -> Chart:
    text = _("How long people look at an empty page: until a streamed answer begins.")
    return answers.over_time("first-token", _("Time to first token"), FIRST_TOKEN, text=text, labels=SHORT)


def _speed(answers: Answers) -> Chart:
    text = _("Output tokens per second, while the answer is being written.")
    labels = {"speed_p5": _("slowest 5 %"), "speed_p50": _("median"), "speed_p95": _("fastest 5 %")}
    return answers.over_time("speed", _("Tokens per second"), SPEED, text=text, labels=labels)


def _grouped(answers: Answers) -> Chart:
    by = TAB.by(answers)
    title = _("p95 by %(dimension)s") % {"dimension": str(words.DIMENSION_NAMES[by]).lower()}
    return answers.by_group("p95-by", title, "latency_p95", by, is_threshold=True)


def _table(answers: Answers) -> Table:
    by = TAB.by(answers)
    names = ("requests", *PERCENTILES, "ttft_p95", "speed_p50", "slow_share")
    title = _("By %(dimension)s") % {"dimension": str(words.DIMENSION_NAMES[by]).lower()}
    labels = {**SHORT, "ttft_p95": _("First token p95"), "speed_p50": _("Tokens/s"), "slow_share": _("Over 5 s")}
    return answers.table("by", title, by, names, bar="latency_p95", labels=labels)


def _steps(answers: Answers) -> Table:
    found = steps.breakdown(answers.view)
    text = _("Means over all requests that were let in, so they add up to the mean latency.")
    if found.mean_ms is not None:
        text += " " + _("It is %(mean)s.") % {"mean": words.written(found.mean_ms, Unit.MS)}
    lines: list[Any] = [
        Line(
            str(words.STEP_NAMES.get(item.step, item.step)),
            (item.mean_ms, item.mean_ms / found.mean_ms if found.mean_ms else None),
            note=_("waiting") if item.is_upstream else "",
        )
        for item in found.steps
    ]
    columns = (Column(_("Mean"), Unit.MS), Column(_("Share"), Unit.SHARE))
    return Table("steps", _("Where the time goes"), _("Step"), columns, tuple(lines), text, 0, found.source.notes)


TAB = Tab(
    slug="latency",
    label=gettext_lazy("Latency"),
    names=(*PERCENTILES, *FIRST_TOKEN, *SPEED, "slow_share", "requests"),
    tiles=("latency_p50", "latency_p95", "latency_p99", "ttft_p95", "speed_p50", "slow_share"),
    panels={
        "latency": _percentiles,
        "first-token": _first_token,
        "speed": _speed,
        "p95-by": _grouped,
        "by": _table,
        "steps": _steps,
    },
    dimensions=("model", "task", "endpoint", "provider", "key"),
    verdicts={"latency_p95": lambda ms: (_("over 5 s"), "warn") if ms > SLOW_MS else (_("under 5 s"), "good")},
)
