"""What a rule may ask of a request (the time is in `routing.hours`). Made once, when a snapshot is loaded, so that asking
costs well under a microsecond each.

Which rule decides is not decided here (`pipeline.router`), nor whether a rule makes sense (`routing.oddities`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

import msgspec

from gateway.types import Condition, Facts, Snapshot
from gateway.wording import both, either
from gateway.wording import gettext as _


class Tasks(msgspec.Struct, frozen=True):
    """Asks for one of these tasks."""

    slugs: frozenset[str]

    def holds(self, facts: Facts) -> bool:
        return facts.task in self.slugs

    def why_not(self, facts: Facts) -> str:
        return _not_asked_for(facts, self)

    def says(self) -> str:
        return either(f"task/{slug}" for slug in self.slugs)

    def covers(self, other: Tasks) -> bool:
        return other.slugs <= self.slugs


class Models(msgspec.Struct, frozen=True):
    """Asks for one of these models by name; * stands for any characters. A request for a task names no model."""

    patterns: tuple[str, ...]
    names: frozenset[str]
    pattern: re.Pattern[str] | None

    @classmethod
    def of(cls, patterns: Iterable[str]) -> Models:
        given = tuple(patterns)
        open_ended = [_open_ended(item) for item in given if "*" in item]
        names = frozenset(item for item in given if "*" not in item)
        return cls(given, names, re.compile("|".join(open_ended), re.DOTALL) if open_ended else None)

    def holds(self, facts: Facts) -> bool:
        return not facts.task and self.takes(facts.asked)

    def takes(self, name: str) -> bool:
        return name in self.names or (self.pattern is not None and self.pattern.fullmatch(name) is not None)

    def why_not(self, facts: Facts) -> str:
        return _not_asked_for(facts, self)

    def says(self) -> str:
        return either(self.patterns)

    def covers(self, other: Models) -> bool:
        return all(self.takes(pattern) for pattern in other.patterns)  # a pattern's * is one of any characters, too


def _open_ended(pattern: str) -> str:
    """As a regular expression that never tries twice where a piece between two * begins: the first place will do, and names of any length
    take a time in proportion."""
    first, *middle, last = map(re.escape, pattern.split("*"))
    return f"{first}{''.join(f'(?>.*?{piece})' for piece in middle if piece)}.*{last}"


class Tiers(msgspec.Struct, frozen=True):
    """For an end user of one of these tiers."""

    names: frozenset[str]

    def holds(self, facts: Facts) -> bool:
        return facts.signals.tier in self.names

    def why_not(self, facts: Facts) -> str:
        tier = facts.signals.tier
        if not tier:
            return _("it names no end user")
        return _("its end user is of tier %(tier)s, not %(wanted)s") % {"tier": tier, "wanted": either(self.names)}

    def says(self) -> str:
        return _("tier %(tiers)s") % {"tiers": either(self.names)}

    def covers(self, other: Tiers) -> bool:
        return other.names <= self.names


class Tags(msgspec.Struct, frozen=True):
    """Carries at least one of these tags."""

    tags: frozenset[str]

    def holds(self, facts: Facts) -> bool:
        return not self.tags.isdisjoint(facts.labels.tags)

    def why_not(self, facts: Facts) -> str:
        have = facts.labels.tags
        if not have:
            return _("it carries no tag")
        return _("it is tagged %(tags)s, not %(wanted)s") % {"tags": ", ".join(have), "wanted": either(self.tags)}

    def says(self) -> str:
        return _("tag %(tags)s") % {"tags": either(self.tags)}

    def covers(self, other: Tags) -> bool:
        return other.tags <= self.tags


class Metadata(msgspec.Struct, frozen=True):
    """Has all of these values in its metadata. What is no text is compared as it stands in JSON."""

    pairs: tuple[tuple[str, str], ...]

    def holds(self, facts: Facts) -> bool:
        return all(_text(facts.metadata, name) == value for name, value in self.pairs)

    def why_not(self, facts: Facts) -> str:
        name, value = next(pair for pair in self.pairs if _text(facts.metadata, pair[0]) != pair[1])
        have = _text(facts.metadata, name)
        if have is None:
            return _("metadata.%(name)s is not given, not %(wanted)s") % {"name": name, "wanted": value}
        return _("metadata.%(name)s is %(value)s, not %(wanted)s") % {"name": name, "value": have, "wanted": value}

    def says(self) -> str:
        told = [_("metadata %(name)s = %(value)s") % {"name": name, "value": value} for name, value in self.pairs]
        return reduce(lambda before, last: _("%(first)s and %(last)s") % {"first": before, "last": last}, told)

    def covers(self, other: Metadata) -> bool:
        return set(self.pairs) <= set(other.pairs)


class InputTokens(msgspec.Struct, frozen=True):
    """Has so much input, by a likely count; both ends count as within, None is open."""

    least: int | None
    most: int | None

    def holds(self, facts: Facts) -> bool:
        count = facts.signals.input_tokens
        return (self.least is None or count >= self.least) and (self.most is None or count <= self.most)

    def why_not(self, facts: Facts) -> str:
        words = {"count": f"{facts.signals.input_tokens:,}", "wanted": self.says()}
        return _("it has about %(count)s input tokens, not %(wanted)s") % words

    def says(self) -> str:
        if self.least is None:
            return _("at most %(most)s tokens") % {"most": f"{self.most:,}"}
        if self.most is None:
            return _("%(least)s tokens or more") % {"least": f"{self.least:,}"}
        return _("%(least)s to %(most)s tokens") % {"least": f"{self.least:,}", "most": f"{self.most:,}"}

    def covers(self, other: InputTokens) -> bool:
        reaches_down = self.least is None or (other.least is not None and self.least <= other.least)
        return reaches_down and (self.most is None or (other.most is not None and other.most <= self.most))


class Needs(msgspec.Struct, frozen=True):
    """Needs all of these capabilities of a model."""

    names: frozenset[str]

    def holds(self, facts: Facts) -> bool:
        return self.names <= facts.needs

    def why_not(self, facts: Facts) -> str:
        return _("it does not need %(needs)s") % {"needs": both(map(need_name, self.names - facts.needs))}

    def says(self) -> str:
        return _("needs %(needs)s") % {"needs": both(map(need_name, self.names))}

    def covers(self, other: Needs) -> bool:
        return self.names <= other.names


class BudgetShare(msgspec.Struct, frozen=True):
    """So much of a budget is used, in percent; of any budget if none is named. What is not known counts as unused."""

    budget: str
    percent: int

    def holds(self, facts: Facts) -> bool:
        return self._used(facts) >= self.percent

    def _used(self, facts: Facts) -> int:
        shares = facts.signals.budget_shares
        return shares.get(self.budget, 0) if self.budget else max(shares.values(), default=0)

    def why_not(self, facts: Facts) -> str:
        words = {"used": self._used(facts), "budget": self.budget, "wanted": self.percent}
        if self.budget:
            return _("at most %(used)s %% of the budget “%(budget)s” are used, not %(wanted)s %%") % words
        return _("at most %(used)s %% of any budget are used, not %(wanted)s %%") % words

    def says(self) -> str:
        words = {"percent": self.percent, "budget": self.budget}
        if self.budget:
            return _("%(percent)s %% of the budget “%(budget)s” used") % words
        return _("%(percent)s %% of a budget used") % words

    def covers(self, other: BudgetShare) -> bool:
        return self.budget in ("", other.budget) and self.percent <= other.percent


KINDS = frozenset({"chat", "embeddings"})


class Serves(msgspec.Struct, frozen=True):
    """Is of a kind, chat or embeddings, that one of the rule's targets serves. It goes without saying: a rule for every request that
    leads to chat models leaves embeddings alone."""

    kinds: frozenset[str]

    def holds(self, facts: Facts) -> bool:
        return facts.needs & KINDS <= self.kinds

    def why_not(self, facts: Facts) -> str:
        return _("none of the rule's targets serves %(kinds)s") % {"kinds": either(facts.needs & KINDS)}

    def says(self) -> str:
        return ""

    def covers(self, other: Serves) -> bool:
        return other.kinds <= self.kinds


class Never(msgspec.Struct, frozen=True):
    """Holds for nothing: the rule has no target in use. It stays in sight for explanations."""

    def holds(self, facts: Facts) -> bool:
        return False

    def why_not(self, facts: Facts) -> str:
        return _("none of the rule's targets is in use")

    def says(self) -> str:
        return _("never")

    def covers(self, other: Never) -> bool:
        return False


def need_name(need: str) -> str:
    """A capability as people say it."""
    return {"vision": _("images"), "json_schema": _("a JSON schema")}.get(need, need)


def _not_asked_for(facts: Facts, wanted: Tasks | Models) -> str:
    return _("it asks for %(asked)s, not for %(wanted)s") % {"asked": facts.asked, "wanted": wanted.says()}


def failing(conditions: Iterable[Condition], facts: Facts) -> Condition | None:
    """The first condition that does not hold; None if all do."""
    return next((condition for condition in conditions if not condition.holds(facts)), None)


def cover(earlier: tuple[Condition, ...], later: tuple[Condition, ...]) -> bool:
    """Whether every request that meets `later` meets `earlier`. False where that is not certain."""
    of = {type(condition): condition for condition in later}
    return all(type(condition) in of and condition.covers(of[type(condition)]) for condition in earlier)


def budget_marks(snapshot: Snapshot) -> dict[str, list[int]]:
    """The shares of budgets, in percent and sorted, that the snapshot's rules ask about: by budget name."""
    marks: dict[str, set[int]] = {}
    for rule in snapshot.rules:
        for condition in rule.conditions:
            if isinstance(condition, BudgetShare):
                named = [condition.budget] if condition.budget else _budget_names(snapshot)
                for name in named:
                    marks.setdefault(name, set()).add(condition.percent)
    return {name: sorted(percents) for name, percents in marks.items()}


def ask_for_tiers(snapshot: Snapshot) -> bool:
    """Whether a plan may depend on the end user's tier, so that it is to be made again when that turns out to be another one."""
    return any(isinstance(condition, Tiers) for rule in snapshot.rules for condition in rule.conditions)


def _budget_names(snapshot: Snapshot) -> list[str]:
    """The budgets, without a plan's own limits: their source is a row's id, not a name with a colon."""
    return [limit.name for limit in snapshot.limits.limits if ":" not in limit.source]


def _text(metadata: Mapping[str, Any], name: str) -> str | None:
    value = metadata.get(name)
    return value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()
