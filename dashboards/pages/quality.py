"""The tab Quality: what people and judges say of answers, how far they agree, and what has become worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from billing import alert_settings
from dashboards import quality
from dashboards.alarms import drops, evidence
from dashboards.alarms.deciding import Verdict
from dashboards.alarms.drops import Votes
from dashboards.metrics import Unit, Value
from dashboards.pages import judging, words
from dashboards.pages.answers import COLOURS, MOST_LINES, Answers
from dashboards.pages.asked import NONE
from dashboards.pages.panels import Chart, Column, Line, Series, Table, Tile
from dashboards.pages.tabs import Tab
from dashboards.quality import Known, Standing
from gateway.quality import agreement
from gateway.quality.agreement import Estimate

NOT_ENOUGH = gettext_lazy("too few to tell")


@dataclass(frozen=True)
class Part:
    """What is said of answers, by whom."""

    label: Any
    of: Any  # Standing → Estimate | None


THUMBS = Part(gettext_lazy("Thumbs up"), lambda found: found.thumbs)
JUDGED = Part(gettext_lazy("Good, by judges"), lambda found: found.judged)


def _known(answers: Answers) -> Known:
    return answers.remembered("quality", lambda: quality.known(answers.view))


def _tiles(answers: Answers) -> list[Tile]:
    found = _known(answers).whole()
    before = quality.known(_before(answers)).whole() if answers.asked.is_compared else None
    counts, kappa = found.counts, agreement.kappa(found.counts.both)
    votes = ngettext("%(count)s vote", "%(count)s votes", counts.votes) % {"count": f"{counts.votes:,}"}
    scores = ngettext("%(count)s score", "%(count)s scores", counts.judged) % {"count": f"{counts.judged:,}"}
    return [
        _tile(THUMBS.label, found.thumbs, votes, before.thumbs if before else None),
        _tile(JUDGED.label, found.judged, scores, before.judged if before else None),
        _tile(
            _("Good, corrected by votes"),
            found.corrected,
            _("%(count)s with both") % {"count": f"{counts.both.total:,}"},
            before.corrected if before else None,
        ),
        Tile(
            _("Agreement (κ)"),
            f"{kappa.value:.2f}" if kappa else words.NOTHING,
            verdict=f"{kappa.low:.2f} – {kappa.high:.2f}" if kappa else str(NOT_ENOUGH),
        ),
    ]


def _tile(label: Any, found: Estimate | None, counted: str, before: Estimate | None) -> Tile:
    value, earlier = (one.value if one else None for one in (found, before))
    tone = "" if value is None or earlier is None or value == earlier else "good" if value > earlier else "warn"
    return Tile(
        label=str(label),
        value=words.written(value, Unit.SHARE),
        exact=counted,
        change=words.change(value, earlier, Unit.SHARE),
        before=words.written(earlier, Unit.SHARE) if before is not None else "",
        tone=tone,
        verdict=f"{_interval(found)} · {counted}" if found else str(NOT_ENOUGH),
    )


def _before(answers: Answers) -> Any:
    view = answers.view
    return type(view)(view.scope, view.range.previous(), view.filters)


def _interval(found: Estimate) -> str:
    return f"{found.low * 100:.1f} – {found.high * 100:.1f} %"


def _over_time(answers: Answers) -> Chart:
    edges, found = _known(answers).over_time()
    span = answers.view.range
    return Chart(
        "quality", _("Answers that are good"), Unit.SHARE, edges, min(span.end, span.now), span.zone.key,
        span.step.is_whole_days,
        tuple(_series(part, str(part.label), found, place) for place, part in enumerate((THUMBS, JUDGED))),
        text=_("Of votes, those that are up; of scores, 4 and 5 of 5. Shaded: where the share lies in 95 of 100 cases."),
    )  # fmt: skip


def _series(part: Part, label: str, found: Sequence[Standing], colour: int, **filters: str) -> Series:
    known: list[Estimate | None] = [part.of(one) for one in found]
    return Series(
        label,
        tuple(one.value if one else None for one in known),
        colour,
        filters,
        low=tuple(one.low if one else None for one in known),
        high=tuple(one.high if one else None for one in known),
    )


def _weekly(key: str, title: Any, part: Part) -> Any:
    def made(answers: Answers) -> Chart:
        by = TAB.by(answers)
        span, found = answers.remembered("weeks", lambda: quality.last_weeks(answers.view))
        lines = [(name, steps) for name, steps in found.by_steps(by).items() if any(part.of(one) for one in steps)][
            : COLOURS - 1
        ]
        series = [_series(part, _name(by, name), steps, place) for place, (name, steps) in enumerate(lines)]
        dimension = str(words.DIMENSION_NAMES[by]).lower()
        return Chart(
            key, str(title) % {"dimension": dimension}, Unit.SHARE, span.edges, min(span.end, span.now),
            span.zone.key, True, tuple(series), is_fixed=True,
            text=_("The last %(weeks)d weeks, whatever the range above; this one as far as it has come.") % {"weeks": quality.WEEKS},
        )  # fmt: skip

    return made


def _name(dimension: str, value: str) -> str:
    if dimension == quality.PROMPT:
        return quality.prompt_name(value) or _("without a version")
    return words.value_name(dimension, value, {})


COLUMNS: tuple[tuple[Any, Unit, Any], ...] = (
    (gettext_lazy("Votes"), Unit.COUNT, lambda found: found.counts.votes),
    (gettext_lazy("Thumbs up"), Unit.SHARE, lambda found: _at(found.thumbs, 0)),
    (gettext_lazy("from"), Unit.SHARE, lambda found: _at(found.thumbs, 1)),
    (gettext_lazy("to"), Unit.SHARE, lambda found: _at(found.thumbs, 2)),
    (gettext_lazy("Scores"), Unit.COUNT, lambda found: found.counts.judged),
    (gettext_lazy("Good, by judges"), Unit.SHARE, lambda found: _at(found.judged, 0)),
    (gettext_lazy("from"), Unit.SHARE, lambda found: _at(found.judged, 1)),
    (gettext_lazy("to"), Unit.SHARE, lambda found: _at(found.judged, 2)),
    (gettext_lazy("Corrected"), Unit.SHARE, lambda found: _at(found.corrected, 0)),
    (gettext_lazy("from"), Unit.SHARE, lambda found: _at(found.corrected, 1)),
    (gettext_lazy("to"), Unit.SHARE, lambda found: _at(found.corrected, 2)),
)


def _at(found: Estimate | None, place: int) -> Value:
    return found[place] if found is not None else None


def _table(answers: Answers) -> Table:
    by = TAB.by(answers)
    title = _("By %(dimension)s") % {"dimension": str(words.DIMENSION_NAMES[by]).lower()}
    return _listed("by", title, by, answers)


def _prompts(answers: Answers) -> Table | None:
    """Beside the table above, unless that is about them already."""
    return (
        None
        if TAB.by(answers) == quality.PROMPT
        else _listed("prompts", _("By prompt version"), quality.PROMPT, answers)
    )


def _listed(key: str, title: str, by: str, answers: Answers) -> Table:
    found = _known(answers).by(by)
    lines = tuple(
        Line(
            _name(by, value),
            tuple(of(one) for _label, _unit, of in COLUMNS),
            None if by == quality.PROMPT and not value else quality.filters_of(by, value or NONE),
        )
        for value, one in list(found.items())[:MOST_LINES]
    )
    text = ""
    if by == quality.PROMPT:
        text = _("A request says its version with a tag such as prompt:v2. Each leads to its requests.")
    columns = tuple(Column(str(label), unit) for label, unit, _of in COLUMNS)
    return Table(key, title, str(words.DIMENSION_NAMES[by]), columns, lines, text, bar=1)


def _agreement(answers: Answers) -> Table:
    counts = _known(answers).whole().counts
    both, kappa = counts.both, agreement.kappa(counts.both)
    if kappa is not None:
        told = {"kappa": f"{kappa.value:.2f}", "low": f"{kappa.low:.2f}", "high": f"{kappa.high:.2f}"}
        text = _("Cohen's κ is %(kappa)s (%(low)s to %(high)s): 1 is full agreement, 0 no more than by chance.") % told
    else:
        text = _("There are too few answers with a score and a vote to tell how far the two agree.")
    if counts.invalid:
        text += " " + ngettext(
            "%(count)s verdict had no valid form and counts nowhere.",
            "%(count)s verdicts had no valid form and count nowhere.",
            counts.invalid,
        ) % {"count": f"{counts.invalid:,}"}
    lines = (
        Line(_("Judge: good"), (both.good_up, both.good_down)),
        Line(_("Judge: bad"), (both.bad_up, both.bad_down)),
    )
    columns = (Column(_("Thumbs up"), Unit.COUNT), Column(_("Thumbs down"), Unit.COUNT))
    notes = (
        _(
            "Corrected figures take a judge's kindness or strictness out, as it shows where people have voted (prediction-powered "
            "inference). They hold as far as those who vote are like those who don't."
        ),
    )
    return Table("agreement", _("Judges beside people"), _("Answers with both"), columns, lines, text, notes=notes)


def _drops(answers: Answers) -> Table | None:
    """Of one tenant: how the alarm sees the last two weeks of each task."""
    if answers.tenant is None:
        return None
    now = answers.view.range.now
    least = float(alert_settings.of(answers.tenant.pk).quality_points) / 100
    series = ((THUMBS, evidence.votes(answers.tenant, now)), (JUDGED, evidence.scores(answers.tenant, now)))
    lines = [_drop(part, task, weeks, least) for part, found in series for task, weeks in sorted(found.items())]
    columns = (
        Column(_("Usual"), Unit.SHARE), Column(_("of"), Unit.COUNT),
        Column(_("Last two weeks"), Unit.SHARE), Column(_("of"), Unit.COUNT),
    )  # fmt: skip
    text = _(
        "The last two weeks up to yesterday beside the eight before. An alert is raised when both weeks are lower beyond chance."
    )
    return Table("drops", _("What has become worse"), _("Task"), columns, tuple(lines), text)


def _drop(part: Part, task: str, weeks: Sequence[Votes], least: float) -> Line:
    usual, recent = drops.usual(weeks), sum(weeks[-drops.WEEKS.begins_after :], Votes())
    verdicts = drops.verdicts(weeks, usual, least)
    is_worse = len(verdicts) == drops.WEEKS.begins_after and min(verdicts) >= Verdict.BAD
    note = _("worse") if is_worse else _("steady") if verdicts else str(NOT_ENOUGH)
    name = f"{words.value_name('task', task, {})} · {part.label}"
    values = (usual.share if usual.of else None, usual.of, recent.share if recent.of else None, recent.of)
    return Line(name, values, {"task": task or NONE}, note, "warn" if is_worse else "good" if verdicts else "")


TAB = Tab(
    slug="quality",
    label=gettext_lazy("Quality"),
    names=("requests",),
    tiles=(),
    panels={
        "quality": _over_time,
        "weeks": _weekly("weeks", gettext_lazy("Thumbs up by %(dimension)s, week by week"), THUMBS),
        "judged-weeks": _weekly(
            "judged-weeks", gettext_lazy("Good, by judges, by %(dimension)s, week by week"), JUDGED
        ),
        "by": _table,
        "prompts": _prompts,
        "agreement": _agreement,
        "lengths": judging.by_length,
        "drops": _drops,
        "judges-cost": judging.spending,
    },
    dimensions=("task", "model", quality.PROMPT, "tag", "provider"),
    verdicts={},
    more_tiles=_tiles,
)
