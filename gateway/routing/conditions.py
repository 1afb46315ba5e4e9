"""What a rule may ask of a request (the time is in `routing.hours`). Made once, when a snapshot is loaded, so that asking
costs well under a microsecond each.

Which rule decides is not decided here (`pipeline.router`), nor whether a rule makes sense (`routing.oddities`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from gateway.types import Condition, Facts, Snapshot


class Tasks(msgspec.Struct, frozen=True):
    """Asks for one of these tasks."""

    slugs: frozenset[str]

    def holds(self, facts: Facts) -> bool:
        return facts.task in self.slugs

    def why_not(self, facts: Facts) -> str:
        return f"it asks for {facts.asked}, not for {self.says()}"

    def says(self) -> str:
        return listed(f"task/{slug}" for slug in self.slugs)

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
        open_ended = [re.escape(item).replace(r"\*", ".*") for item in given if "*" in item]
        names = frozenset(item for item in given if "*" not in item)
        return cls(given, names, re.compile("|".join(open_ended), re.DOTALL) if open_ended else None)

    def holds(self, facts: Facts) -> bool:
        return not facts.task and self.takes(facts.asked)

    def takes(self, name: str) -> bool:
        return name in self.names or (self.pattern is not None and self.pattern.fullmatch(name) is not None)

    def why_not(self, facts: Facts) -> str:
        return f"it asks for {facts.asked}, not for {self.says()}"

    def says(self) -> str:
        return listed(self.patterns)

    def covers(self, other: Models) -> bool:
        return all(self.takes(pattern) for pattern in other.patterns)  # a pattern's * is one of any characters, too


class Tiers(msgspec.Struct, frozen=True):
    """For an end user of one of these tiers."""

    names: frozenset[str]

    def holds(self, facts: Facts) -> bool:
        return facts.signals.tier in self.names

    def why_not(self, facts: Facts) -> str:
        tier = facts.signals.tier
        return f"its end user is of tier {tier}, not {listed(self.names)}" if tier else "it names no end user"

    def says(self) -> str:
        return f"tier {listed(self.names)}"

    def covers(self, other: Tiers) -> bool:
        return other.names <= self.names


class Tags(msgspec.Struct, frozen=True):
    """Carries at least one of these tags."""

    tags: frozenset[str]

    def holds(self, facts: Facts) -> bool:
        return not self.tags.isdisjoint(facts.labels.tags)

    def why_not(self, facts: Facts) -> str:
        have = facts.labels.tags
        return f"it is tagged {', '.join(have)}, not {listed(self.tags)}" if have else "it carries no tag"

    def says(self) -> str:
        return f"tag {listed(self.tags)}"

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
        return f"metadata.{name} is {'not given' if have is None else have}, not {value}"

    def says(self) -> str:
        return " and ".join(f"metadata {name} = {value}" for name, value in self.pairs)

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
        return f"it has about {facts.signals.input_tokens:,} input tokens, not {self.says()}"

    def says(self) -> str:
        if self.least is None:
            return f"at most {self.most:,} tokens"
        return f"{self.least:,} tokens or more" if self.most is None else f"{self.least:,} to {self.most:,} tokens"

    def covers(self, other: InputTokens) -> bool:
        reaches_down = self.least is None or (other.least is not None and self.least <= other.least)
        return reaches_down and (self.most is None or (other.most is not None and other.most <= self.most))


class Needs(msgspec.Struct, frozen=True):
    """Needs all of these capabilities of a model."""

    names: frozenset[str]

    def holds(self, facts: Facts) -> bool:
        return self.names <= facts.needs

    def why_not(self, facts: Facts) -> str:
        return f"it does not need {listed(map(need_name, self.names - facts.needs), 'and')}"

    def says(self) -> str:
        return f"needs {listed(map(need_name, self.names), 'and')}"

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
        of = f"the budget “{self.budget}”" if self.budget else "any budget"
        return f"at most {self._used(facts)} % of {of} are used, not {self.percent} %"

    def says(self) -> str:
        of = f"the budget “{self.budget}”" if self.budget else "a budget"
        return f"{self.percent} % of {of} used"

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
        return f"none of the rule's targets serves {listed(facts.needs & KINDS)}"

    def says(self) -> str:
        return ""

    def covers(self, other: Serves) -> bool:
        return other.kinds <= self.kinds


class Never(msgspec.Struct, frozen=True):
    """Holds for nothing: the rule has no target in use. It stays in sight for explanations."""

    def holds(self, facts: Facts) -> bool:
        return False

    def why_not(self, facts: Facts) -> str:
        return "none of the rule's targets is in use"

    def says(self) -> str:
        return "never"

    def covers(self, other: Never) -> bool:
        return False


_NEED_NAMES = {"vision": "images", "json_schema": "a JSON schema"}


def need_name(need: str) -> str:
    """A capability as people say it."""
    return _NEED_NAMES.get(need, need)


def listed(words: Iterable[str], last: str = "or") -> str:
    """“a”, “a or b”, “a, b or c”, in order of the alphabet."""
    items = sorted(words)
    return f" {last} ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


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
