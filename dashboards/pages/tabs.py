"""What a tab of the dashboards is: its metrics, tiles and panels, by name, so that a page makes all of them and a CSV one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from dashboards.metrics import METRICS
from dashboards.pages import words
from dashboards.pages.answers import Answers
from dashboards.pages.panels import Panel, Problem, Tile
from dashboards.planning import Unanswerable

Maker = Callable[[Answers], Panel | None]
Verdict = Callable[[Any], tuple[str, str]]


@dataclass(frozen=True)
class Tab:
    """`names`: the metrics that it shows over time. `dimensions`: by which its charts and tables can be broken down, the usual one first.
    `more_tiles` makes those that are no metric. `is_for_operators`: it is about tenants beside each other.
    """

    slug: str
    label: Any
    names: tuple[str, ...]
    tiles: tuple[str, ...]
    panels: Mapping[str, Maker]
    dimensions: tuple[str, ...]
    verdicts: Mapping[str, Verdict]
    more_tiles: Callable[[Answers], Sequence[Tile]] = lambda answers: ()
    is_for_operators: bool = False

    def by(self, answers: Answers) -> str:
        return answers.asked.by if answers.asked.by in self.dimensions else self.dimensions[0]


def tiles(tab: Tab, answers: Answers) -> list[Tile]:
    """The figures at the top. What cannot be answered has none: the panels below say why."""
    found: list[Tile] = []
    with suppress(Unanswerable):
        found += [_tile(name, answers, tab.verdicts.get(name)) for name in tab.tiles]
        found += tab.more_tiles(answers)
    return found


def panels(tab: Tab, answers: Answers) -> list[Panel]:
    made = (panel(tab, key, answers) for key in tab.panels)
    return [item for item in made if item is not None]


def panel(tab: Tab, key: str, answers: Answers) -> Panel | None:
    """One of the tab's panels; None where it has nothing to say. Raises `KeyError` for a key that is none."""
    make = tab.panels[key]
    try:
        return make(answers)
    except Unanswerable as error:
        return Problem(key, _("This cannot be shown"), str(error))


def problem_of_all(found: Sequence[Panel]) -> str:
    """Why nothing can be shown, where that is one reason; else empty."""
    texts = {item.text if isinstance(item, Problem) else "" for item in found}
    return texts.pop() if len(texts) == 1 else ""


def _tile(name: str, answers: Answers, verdict: Verdict | None) -> Tile:
    unit, value = METRICS[name].unit, answers.whole[name]
    before = answers.before[name] if answers.before is not None else None
    says, says_tone = verdict(value) if verdict is not None and value is not None else ("", "")
    return Tile(
        label=words.metric(name),
        value=words.written(value, unit),
        exact=words.exact(value, unit),
        change=words.change(value, before, unit),
        before=words.written(before, unit) if answers.before is not None else "",
        tone=words.tone(name, value, before),
        verdict=says,
        verdict_tone=says_tone,
    )
