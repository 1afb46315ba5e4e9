"""Hits are asked again, through the pipeline and at the tenant's cost, and judged; the request is kept no longer than that takes."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

import pytest
from django.utils import timezone
from django_redis import get_redis_connection

from gateway import drain, shadow_checks
from gateway.caching.semantic import Asked
from gateway.models import RequestLog, SemanticCheck, SemanticEntry, SemanticLabel, SemanticWatch
from gateway.semantic import checks
from gateway.stores import semantic as store
from tenants import api_keys
from tenants.models import ApiKey
from tests.gateway.budgets import budget
from tests.gateway.live import World
from tests.gateway.semantic.memory import Memory, whole

QUESTION = "Where do I change my password?"
JUDGE = "claude-sonnet-4-5"


@pytest.fixture(autouse=True)
def nothing_else_waits(world: World, settings: Any) -> None:
    settings.OUTBOUND_ALLOW = [ip_network("127.0.0.1/32")]  # where the simulator is
    SemanticCheck.objects.filter(status="waiting").delete()


@pytest.fixture
def helpdesk(world: World) -> World:
    SemanticWatch.objects.create(tenant=world.tenant, task="help", judge=JUDGE)
    return world


def hit(
    world: World, answer: str = "Under “Account”.", *, endpoint: str = "chat.completions", **body: Any
) -> SemanticCheck:
    """A hit of an entry with that answer, waiting to be checked."""
    memory = Memory(world.tenant)
    memory.keep(f"{QUESTION} {answer}", body=whole(answer))
    row = SemanticEntry.objects.get(tenant=world.tenant, question=f"{QUESTION} {answer}")
    content = {"model": "gpt-4o", "messages": [{"role": "user", "content": QUESTION}], **body}
    asked = Asked(
        endpoint=endpoint,
        key=api_keys.digest(world.secret),
        question=QUESTION,
        content=json.dumps(content).encode(),
        headers={},
    )
    noted = memory.hit(row, sealed=store.sealed(asked))
    assert memory.note(noted) == 1
    return SemanticCheck.objects.get(tenant=world.tenant, origin=row.request_id, status="waiting")


def run(check: SemanticCheck, now: dt.datetime | None = None) -> SemanticCheck:
    shadow_checks.run(now or timezone.now())
    check.refresh_from_db()
    return check


def records(world: World) -> list[RequestLog]:
    drain.drain(get_redis_connection("default"), world.tenant.id)
    return list(RequestLog.objects.filter(tenant=world.tenant).order_by("accepted_at"))


def test_the_same_answer_again_is_right_without_a_judge(helpdesk: World, simulator):
    simulator.behave(output_text="under “Account”")
    check = run(
        hit(
            helpdesk,
            "Under “Account”",
            stream=True,
            user="ann",
            metadata={"user_id": "ann", "tags": ["beta"]},
            temperature=0,
        )
    )
    assert (check.status, check.how, check.sealed) == ("right", "equal", "")
    (record,) = records(helpdesk)
    assert (record.feature, record.end_user, record.tags, record.is_stream) == ("shadow-check", "", ["beta"], False)
    assert check.cost_nanousd == int(record.cost_usd * 1_000_000_000) > 0
    (sent,) = simulator.requests()
    assert "user" not in sent["body"]
    assert sent["body"]["temperature"] == 0
    label = SemanticLabel.objects.get(tenant=helpdesk.tenant)
    assert (label.is_right, label.source, label.task, label.similarity) == (True, "check", "help", 0.97)


@pytest.mark.parametrize(
    ("said", "status"),
    [("They agree.\nRIGHT", "right"), ("Another menu.\nWRONG", "wrong"), ("Who knows?", "unclear")],
)
def test_other_answers_are_judged_by_a_model(helpdesk: World, simulator, said, status):
    simulator.behave(model="gpt-4o", output_text="In the menu “Security”, second entry.")
    simulator.behave(model=JUDGE, output_text=said)
    check = run(hit(helpdesk))
    assert (check.status, check.how, check.sealed) == (status, "judged", "")
    fresh, judged = records(helpdesk)
    assert [(one.model_served, one.feature) for one in (fresh, judged)] == [
        ("gpt-4o", "shadow-check"),
        (JUDGE, "shadow-check"),
    ]
    assert check.cost_nanousd == int((fresh.cost_usd + judged.cost_usd) * 1_000_000_000)
    labels = list(SemanticLabel.objects.filter(tenant=helpdesk.tenant).values_list("is_right", flat=True))
    assert labels == ([] if status == "unclear" else [status == "right"])
    (shown,) = simulator.requests()[-1]["body"]["messages"][0]["content"]
    assert all(
        text in shown["text"] for text in (QUESTION, "Under “Account”.", "In the menu “Security”, second entry.")
    )


def test_without_a_judge_of_its_own_the_model_that_was_asked_judges(world: World, simulator):
    simulator.behave(output_text="Something else altogether. WRONG")
    check = run(hit(world, endpoint="messages", max_tokens=100))
    assert (check.status, check.how) == ("unclear", "judged")
    assert [one.model_served for one in records(world)] == ["gpt-4o", "gpt-4o"]


def test_a_request_in_the_other_format_is_asked_in_it(helpdesk: World, simulator):
    simulator.behave(output_text="Under “Account”.")
    check = run(hit(helpdesk, endpoint="messages", max_tokens=100, stream=True, metadata={"user_id": "ann"}))
    assert (check.status, check.how) == ("right", "equal")
    (record,) = records(helpdesk)
    assert (record.endpoint, record.end_user) == ("messages", "")


def test_many_wrong_ones_switch_the_cache_off(helpdesk: World, simulator):
    watch = SemanticWatch.objects.get(tenant=helpdesk.tenant)
    simulator.behave(model="gpt-4o", output_text="In the menu “Security”.")
    simulator.behave(model=JUDGE, output_text="WRONG")
    for number in range(10):
        run(hit(helpdesk, f"Answer {number}."))
    watch.refresh_from_db()
    assert watch.is_off
    assert watch.why.startswith("10 of 10 checked hits were wrong")
    assert watch.told_at is not None


def test_beyond_the_day_s_budget_nothing_is_checked(helpdesk: World, simulator):
    SemanticWatch.objects.filter(tenant=helpdesk.tenant).update(usd_per_day=Decimal("0.0001"))
    simulator.behave(output_text="Under “Account”.", input_tokens=1000)
    first, second = hit(helpdesk, "Under “Account”."), hit(helpdesk, "under “Account”.")
    run(first)
    third = run(hit(helpdesk, "Under “Account”!"))
    second.refresh_from_db()
    assert {first.status, second.status} == {"right", "dropped"}
    assert (third.status, third.sealed) == ("dropped", "")
    assert third.how == "the day's budget for checks is used up"
    assert len(records(helpdesk)) == 1


def test_what_nobody_checks_in_time_is_forgotten(helpdesk: World, simulator):
    check = run(hit(helpdesk), timezone.now() + checks.KEPT + dt.timedelta(seconds=1))
    assert (check.status, check.how, check.sealed) == ("dropped", "not in time", "")
    assert simulator.totals()["requests"] == 0


def test_an_answer_that_is_gone_or_another_by_now_is_not_checked(helpdesk: World, simulator):
    gone, anew = hit(helpdesk, "one"), hit(helpdesk, "two")
    SemanticEntry.objects.filter(id=gone.entry_id).delete()
    Memory(helpdesk.tenant).keep(f"{QUESTION} two", body=whole("another"))
    for check in (gone, anew):
        assert (run(check).status, check.how, check.sealed) == ("dropped", "the answer is gone", "")
    assert simulator.totals()["requests"] == 0


def test_a_provider_that_fails_is_asked_again_and_given_up_in_the_end(helpdesk: World, simulator):
    simulator.behave(fault="500")
    check = hit(helpdesk)
    now = timezone.now()
    run(check, now)
    assert (check.status, check.how, check.attempts) == ("waiting", "upstream_failed", 1)
    assert check.sealed
    run(check, now)  # not due yet
    assert check.attempts == 1
    for minutes in (1, 3):
        run(check, now + dt.timedelta(minutes=minutes))
    assert (check.status, check.attempts, check.sealed) == ("dropped", 3, "")


def test_a_tenant_s_limits_hold_for_checks_too(helpdesk: World, simulator):
    budget(helpdesk, 0, "usd")
    check = run(hit(helpdesk))
    assert (check.status, check.how) == ("dropped", "budget_spent")
    assert simulator.totals()["requests"] == 0


def test_a_key_that_was_revoked_checks_nothing(helpdesk: World, simulator):
    check = hit(helpdesk)
    key = ApiKey.objects.get(tenant=helpdesk.tenant)
    api_keys.revoke(key)
    assert (run(check).status, check.sealed) == ("dropped", "")
    assert simulator.totals()["requests"] == 0


def test_a_check_is_claimed_by_one_worker(helpdesk: World, simulator):
    check = hit(helpdesk)
    now = timezone.now()
    assert [[case.check.id for case in cases] for cases in checks.due(now)] == [[check.id]]
    assert checks.due(now) == []
    assert checks.due(now + checks.CLAIMED)[0][0].check.id == check.id  # its worker has died


def test_a_result_counts_once(helpdesk: World, simulator):
    check = hit(helpdesk)
    right, wrong = checks.Result(checks.Status.RIGHT, "equal"), checks.Result(checks.Status.WRONG, "judged")
    checks.finish(check, right, timezone.now())
    checks.finish(check, wrong, timezone.now())
    check.refresh_from_db()
    assert check.status == "right"
    assert SemanticLabel.objects.get(tenant=helpdesk.tenant).is_right
