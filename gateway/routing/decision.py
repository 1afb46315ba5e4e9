"""What the router decided about a request, with everything that led to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gateway.errors import GatewayError
from gateway.routing.costs import Case
from gateway.routing.quality import NOTHING_MEASURED
from gateway.types import Choice, Dropped, Facts, Measured, Model, Plan, Rule


class Decision(NamedTuple):
    """`plan` None: nothing can take the request, and `refusal` says why. `measured`: what is known of the models' answers, by name."""

    facts: Facts
    rule: Rule | None
    choice: Choice
    case: Case
    candidates: tuple[Model, ...]
    dropped: tuple[Dropped, ...]
    plan: Plan | None
    refusal: GatewayError | None
    measured: Mapping[str, Measured] = NOTHING_MEASURED
