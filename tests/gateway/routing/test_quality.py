"""The quality floor goes by what was measured, and by the catalog where too little is known; explanations say by which."""

from __future__ import annotations

import msgspec

from gateway.pipeline import router
from gateway.routing import explain, oddities
from gateway.types import Measured, Snapshot
from tests.gateway.routing import ground

CHEAP = ground.model("cheap", cost=ground.price(1, 1), quality=90)
MIDDLE = ground.model("middle", cost=ground.price(2, 2), quality=60)
DEAR = ground.model("dear", cost=ground.price(9, 9), quality=95)


def world(measured: dict[str, Measured], **choice: object) -> Snapshot:
    task = ground.task(CHEAP, MIDDLE, DEAR, **{"strategy": "cheapest", "quality_floor": 80, **choice})
    made = ground.snapshot((CHEAP, MIDDLE, DEAR), tasks=(task,))
    return msgspec.structs.replace(made, measured={"sum": measured})


def planned(snapshot: Snapshot) -> list[str]:
    plan = router.plan(ground.request(), snapshot, ground.key(), ground.signals())
    return [attempt.model.name for attempt in plan.attempts]


def test_nothing_measured_the_catalog_holds():
    assert planned(world({})) == ["cheap", "dear"]


def test_a_model_that_turned_out_good_comes_in_and_one_that_did_not_goes():
    measured = {"cheap": Measured(71, 400, "judge"), "middle": Measured(84, 300, "corrected")}
    assert planned(world(measured)) == ["middle", "dear"]


def test_another_tasks_measure_says_nothing():
    snapshot = msgspec.structs.replace(world({}), measured={"other": {"cheap": Measured(1, 400, "judge")}})
    assert planned(snapshot) == ["cheap", "dear"]


def test_measuring_leaves_the_best_rather_than_nobody():
    measured = {
        "cheap": Measured(70, 400, "judge"),
        "dear": Measured(78, 400, "votes"),
        "middle": Measured(79, 60, "votes"),
    }
    assert planned(world(measured)) == ["dear"]  # the catalog never let the middle one in


def test_a_cascade_asks_its_first_model_whatever_was_measured():
    measured = {"cheap": Measured(10, 400, "judge")}
    assert planned(world(measured, strategy="cascade")) == ["cheap", "middle", "dear"]


def test_explanations_say_which_figure_it_was():
    snapshot = world({"cheap": Measured(71, 1400, "judge"), "middle": Measured(84, 300, "corrected")})
    request, signals = ground.request(), ground.signals()
    decision = router.decide(request, snapshot, ground.key(), signals)
    told = explain.explain(snapshot, decision.facts, decision, None, is_stream=False)
    assert [(item.attempt.model.name, item.why) for item in told.attempts] == [
        ("middle", "the cheapest; quality measured as at least 84 (by a judge, corrected by votes, 300 answers)"),
        ("dear", "the next cheapest, if the one before fails; quality 95 by the catalog"),
    ]
    assert [(item.model, item.reason) for item in told.dropped] == [
        ("cheap", "its measured quality is at least 71 (by a judge, 1,400 answers), and 80 is the least")
    ]


def test_a_task_is_told_of_models_that_turned_out_too_bad():
    texts = [item.text for item in oddities.of(world({"cheap": Measured(71, 400, "judge")}))]
    assert (
        "task/sum: cheap, middle are below the least quality of 80, or of unknown quality, and are left out." in texts
    )
