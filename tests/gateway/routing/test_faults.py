"""What a rule or task is refused for."""

from __future__ import annotations

import pytest

from gateway.routing import faults
from gateway.routing.conditions import Needs
from gateway.routing.faults import Candidate
from gateway.types import Choice


def candidate(name, *capabilities, rate=1, quality=None, weight=1):
    return Candidate(name, frozenset({"chat", *capabilities}), rate, quality, weight)


NEEDS_TOOLS = (Needs(frozenset({"tools"})),)


@pytest.mark.parametrize(
    ("candidates", "choice", "conditions", "fault"),
    [
        (
            [candidate("a", "tools"), candidate("b")],
            Choice(),
            NEEDS_TOOLS,
            "b cannot do tools, which the rule asks for.",
        ),
        (
            [candidate("a", weight=0), candidate("b", weight=0)],
            Choice("weighted"),
            (),
            "All weights are 0: give one of the targets a weight.",
        ),
        (
            [candidate("a")],
            Choice("cascade"),
            (),
            "A cascade needs two models: the cheap one, and the better one behind it.",
        ),
        (
            [candidate("a", rate=3), candidate("b", rate=2)],
            Choice("cascade"),
            (),
            "A cascade begins with the cheaper model, but a costs more than b.",
        ),
        (
            [candidate("a", quality=59), candidate("b")],
            Choice(quality_floor=60),
            (),
            "No quality of 60 or more is known of a or b. Set it in the catalog, or lower the floor.",
        ),
        (
            [candidate("a", quality=90), candidate("b", quality=59)],
            Choice("cascade", quality_floor=60),
            (),
            "No quality of 60 or more is known of b. Set it in the catalog, or lower the floor.",
        ),
    ],
)
def test_is_refused(candidates, choice, conditions, fault):
    assert faults.of(candidates, choice, conditions) == [fault]


@pytest.mark.parametrize(
    ("candidates", "choice", "conditions"),
    [
        ([], Choice("cascade"), ()),
        ([candidate("a", "tools")], Choice(), NEEDS_TOOLS),
        ([candidate("a", weight=0), candidate("b", weight=1)], Choice("weighted"), ()),
        ([candidate("a", weight=0)], Choice("fixed"), ()),
        ([candidate("a", rate=2), candidate("b", rate=2)], Choice("cascade"), ()),
        ([candidate("a", rate=None), candidate("b", rate=2)], Choice("cascade"), ()),
        ([candidate("a", quality=60), candidate("b")], Choice(quality_floor=60), ()),
        ([candidate("a", quality=10), candidate("b", quality=60)], Choice("cascade", quality_floor=60), ()),
    ],
)
def test_is_accepted(candidates, choice, conditions):
    assert faults.of(candidates, choice, conditions) == []
