"""Plans, made from a snapshot alone."""

from uuid import uuid4

import pytest

from billing.limits import Limits, Pace
from billing.prices import Price, Rates
from billing.windows import Clock
from gateway.errors import NotFound, PermissionDenied, Unsupported
from gateway.pipeline import router
from gateway.pipeline.validator import validate
from gateway.routing.conditions import Models, Tasks
from gateway.types import Endpoint, Key, Model, Provider, Rule, Secret, Snapshot, Task

PROVIDER = Provider(id=uuid4(), name="p", kind="openai", base_url="http://x", credential=Secret(""))


FREE = Price(base=Rates(0, 0, 0, 0, 0), source="override")


def model(name: str, *capabilities: str, price: Price | None = FREE) -> Model:
    return Model(
        name=name, upstream_id=name, provider=PROVIDER, capabilities=frozenset({"chat", *capabilities}), context_window=None,
        max_output_tokens=None, price=price, created_at=0,
    )  # fmt: skip


SMALL, LARGE, EYES = model("small"), model("large", "tools"), model("eyes", "vision")


def snapshot(*rules: Rule) -> Snapshot:
    task = Task(slug="sum", is_real_time=True, chain=(SMALL, LARGE))
    models = {item.name: item for item in (SMALL, LARGE, EYES)}
    return Snapshot(
        tenant_id=uuid4(),
        version=1,
        is_active=True,
        keys={},
        models=models,
        tasks={"sum": task},
        rules=rules,
        limits=Limits(),
        clock=Clock("UTC"),
        loaded_at=0,
    )


def key(models: set[str] | None = None, tasks: set[str] | None = None) -> Key:
    return Key(
        id=uuid4(), scopes=frozenset({"chat"}), allowed_models=frozenset(models or ()), allowed_tasks=frozenset(tasks or ()),
        expires_at=None, pace=Pace(), limits=(),
    )  # fmt: skip


def request(asked: str, extra: str = ""):
    body = f'{{"model":"{asked}","messages":[{{"role":"user","content":"x"}}]{extra}}}'
    return validate(Endpoint.CHAT, body.encode(), {})


def names(plan) -> list[str]:
    return [attempt.model.name for attempt in plan.attempts]


def test_takes_the_model_that_is_asked_for():
    plan = router.plan(request("large"), snapshot(), key())
    assert (names(plan), plan.task, plan.rule) == (["large"], "", "")


def test_takes_a_task_s_chain_in_order():
    plan = router.plan(request("task/sum"), snapshot(), key())
    assert (names(plan), plan.task) == (["small", "large"], "sum")


def test_drops_what_cannot_do_what_the_request_needs():
    assert names(router.plan(request("task/sum", ',"tools":[{}]'), snapshot(), key())) == ["large"]


def test_the_first_rule_that_matches_decides():
    rules = (
        Rule(name="other", conditions=(Tasks(frozenset({"else"})),), targets=(EYES,)),
        Rule(name="mine", conditions=(Tasks(frozenset({"sum"})),), targets=(LARGE, SMALL)),
        Rule(name="late", targets=(EYES,)),
    )
    plan = router.plan(request("task/sum"), snapshot(*rules), key())
    assert (names(plan), plan.rule) == (["large", "small"], "mine")


def test_a_rule_can_replace_a_named_model():
    rule = Rule(name="swap", conditions=(Models.of(["large"]),), targets=(SMALL,))
    assert names(router.plan(request("large"), snapshot(rule), key())) == ["small"]
    assert names(router.plan(request("eyes"), snapshot(rule), key())) == ["eyes"]


@pytest.mark.parametrize(
    ("asked", "allowed", "error", "code"),
    [
        ("nothing", key(), NotFound, "model_not_found"),
        ("task/nothing", key(), NotFound, "task_not_found"),
        ("large", key(models={"small"}), PermissionDenied, "model_not_allowed"),
        ("task/sum", key(tasks={"other"}), PermissionDenied, "task_not_allowed"),
    ],
)
def test_refuses_what_there_is_not_and_what_the_key_may_not_use(asked, allowed, error, code):
    with pytest.raises(error) as caught:
        router.plan(request(asked), snapshot(), allowed)
    assert caught.value.code == code


def test_says_what_no_candidate_can_do():
    with pytest.raises(Unsupported, match="small cannot do tools"):
        router.plan(request("small", ',"tools":[{}]'), snapshot(), key())
