"""Decides which behaviour a request meets: the command line's defaults, over them the model name's options, over those the rules that
were set by control, a later rule over an earlier one. It also keeps the count that makes a fault's share repeatable."""

from __future__ import annotations

import asyncio
import fnmatch
import random

import msgspec

from simulator import behaviour as behaviours
from simulator.behaviour import Behaviour, Positive

MAXIMUM_RULES = 1000
MAXIMUM_SEQUENCES = 10_000
_MILLION = 1_000_000


class Rule(Behaviour, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A behaviour and whom it concerns. `model`, `path` and `api_key` are shell patterns; a model matches with or without its options."""

    model: str = "*"
    path: str = "*"
    api_key: str = "*"
    times: Positive | None = None
    """How many matching requests it holds for; always, when it is not set."""


class StandingRule(msgspec.Struct):
    """A rule in force; `remaining` is None for one that never expires."""

    id: int
    rule: Rule
    remaining: int | None


def _matches(rule: Rule, model: str, path: str, api_key: str) -> bool:
    names = (model, behaviours.plain_model(model))
    return (
        (rule.model in ("*", *names) or any(fnmatch.fnmatchcase(name, rule.model) for name in names))
        and (rule.path == "*" or fnmatch.fnmatchcase(path, rule.path))
        and (rule.api_key == "*" or fnmatch.fnmatchcase(api_key, rule.api_key))
    )


class BehaviourTable:
    def __init__(self, defaults: Behaviour) -> None:
        self._defaults = defaults
        self._rules: list[StandingRule] = []
        self._next_id = 1
        self._sequences: dict[tuple[str, str | None, float, int | None], int] = {}
        self._next_reset: asyncio.Future[None] | None = None

    def add(self, rule: Rule) -> StandingRule:
        """Puts a rule in force, above all others; the oldest goes when there are too many."""
        standing = StandingRule(self._next_id, rule, rule.times)
        self._next_id += 1
        self._rules.append(standing)
        if len(self._rules) > MAXIMUM_RULES:
            del self._rules[0]
        return standing

    def rules(self) -> list[StandingRule]:
        return list(self._rules)

    def reset(self) -> None:
        """Back to the command line's defaults; fault sequences begin anew, and whoever waits its latency out is answered."""
        self._rules.clear()
        self._sequences.clear()
        if self._next_reset is not None:
            self._next_reset.set_result(None)
            self._next_reset = None

    def next_reset(self) -> asyncio.Future[None]:
        """Is done once there is one."""
        if self._next_reset is None:
            self._next_reset = asyncio.get_running_loop().create_future()
        return self._next_reset

    def resolve(self, model: str, *, path: str, api_key: str) -> Behaviour:
        """The behaviour of one request. Not idempotent: it uses up one of the `times` of each matching rule."""
        named = behaviours.of_model(model)
        resolved = self._defaults if named is None else behaviours.merge(self._defaults, named)
        if not self._rules:
            return resolved
        for standing in self._rules:
            if _matches(standing.rule, model, path, api_key):
                resolved = behaviours.merge(resolved, standing.rule)
                if standing.remaining is not None:
                    standing.remaining -= 1
        self._rules = [standing for standing in self._rules if standing.remaining != 0]
        return resolved

    def is_fault_due(self, behaviour: Behaviour, model: str) -> bool:
        """Whether this request meets its behaviour's fault. Not idempotent: it moves the sequence of the model and the fault on."""
        if behaviour.fault is None and behaviour.status is None:
            return False
        rate = behaviour.fault_rate
        if rate is None or rate >= 1:
            return True
        key = (model, behaviour.fault or str(behaviour.status), rate, behaviour.fault_seed)
        position = self._sequences.get(key, 0)
        if position == 0 and len(self._sequences) >= MAXIMUM_SEQUENCES:
            self._sequences.clear()
        self._sequences[key] = position + 1
        if behaviour.fault_seed is not None:
            return random.Random(f"{behaviour.fault_seed}:{position}").random() < rate
        share = round(rate * _MILLION)
        return (position + 1) * share // _MILLION > position * share // _MILLION
