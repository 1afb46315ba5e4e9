"""A request's page tells all of it: each call, each step, how the cost comes about, why this model, and what was said if that is stored."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from auditlog.models import LogEntry

from gateway import content_policies
from gateway.admin import request_trace
from gateway.admin.request_log import tone, usd
from gateway.content import sealing
from gateway.content.sealing import Content
from gateway.models import ContentErasure, ContentPolicy, RequestContent, RequestLog
from tests.cast import Cast, at_work, in_console, request_row

pytestmark = pytest.mark.django_db

LIST = "/admin/gateway/requestlog/"
RATES = [2_500_000, 1_250_000, 2_500_000, 2_500_000, 10_000_000]  # gpt-4o's: 2.50, cached 1.25, 10 USD per million


def attempts(cast: Cast) -> tuple[RequestLog, RequestLog]:
    """A call that failed, and the one that answered."""
    acme = cast.acme
    first = request_row(
        acme.tenant, acme.key.api_key, status=504, outcome="upstream_error", error_type="upstream_timeout", is_final=False,
        error_message="openai did not answer within 2 s.", input_tokens=0, cache_read_tokens=0, output_tokens=0, cost_usd=Decimal(0),
        latency_ms=2000.0, ttft_ms=None, steps_us={"validate": 40, "provider": 2_000_000}, model_served="gpt-4o", task=acme.task.slug,
        trail={"rates": RATES, "reason": "first of the rule"},
    )  # fmt: skip
    second = request_row(
        acme.tenant, acme.key.api_key, id=UUID(int=first.request_id.int | 2), request_id=first.request_id, attempt=2,
        accepted_at=first.accepted_at, input_tokens=1001, cache_read_tokens=600, output_tokens=33, cost_usd=Decimal("0.0020825"),
        latency_ms=2812.5, ttft_ms=2301.2, steps_us={"prepare": 500, "first_byte": 300_000, "stream": 511_000}, task=acme.task.slug,
        model_served="claude-sonnet-4-5", provider="anthropic", output_cap=500, tags=["beta"], end_user="ann",
        trail={"rates": RATES, "reason": "if the one before fails", "rule": acme.rule.name, "skipped": [["o3", "breaker is open"]],
               "lowered_by": "Acme's month", "held_nanousd": 7_500_000},
    )  # fmt: skip
    return first, second


def told(*rows: RequestLog) -> request_trace.Trace:
    return request_trace.trace(rows, usd=usd, tones=tone)


def test_the_cost_is_told_line_by_line_and_equals_what_was_charged(cast: Cast):
    _, second = attempts(cast)
    (call,) = told(second).calls
    assert [(str(line.what), line.tokens, line.price, line.amount) for line in call.cost.lines] == [
        ("input, not cached", "401", "$2.5", "$0.0010025"),
        ("input, read from the provider's cache", "600", "$1.25", "$0.00075"),
        ("output", "33", "$10", "$0.00033"),
    ]
    assert (call.cost.exact, call.cost.charged, call.cost.is_rounded, call.cost.note) == (
        "$0.0020825", "$0.0020825", False, "",
    )  # fmt: skip


def test_says_where_the_cost_was_rounded_and_where_it_is_not_what_the_tokens_come_to(cast: Cast):
    _, second = attempts(cast)
    second.trail["rates"][4] = 10_000_015  # 33 of them end in less than a billionth
    cost = told(second).calls[0].cost
    assert (cost.exact, cost.charged, cost.is_rounded, cost.note) == ("$0.002082500495", "$0.0020825", True, "")
    second.cost_usd = Decimal("0.0075")
    cost = told(second).calls[0].cost
    assert (cost.charged, "had been reserved" in str(cost.note)) == ("$0.0075", True)


def test_a_record_of_an_earlier_release_says_that_it_does_not_know_the_prices(cast: Cast):
    cast.acme.request.refresh_from_db()
    cost = told(cast.acme.request).calls[0].cost
    assert cost.lines == ()
    assert "not in this record" in str(cost.note)


def test_the_steps_of_all_calls_follow_each_other(cast: Cast):
    first, second = told(*attempts(cast)).calls
    assert [str(bar.name) for bar in first.bars] == ["Validate", "Provider answers"]
    assert [str(bar.name) for bar in second.bars] == ["Prepare the call", "Provider's first byte", "Stream"]
    starts = [float(bar.left) for bar in (*first.bars, *second.bars)]
    assert starts == sorted(starts)
    assert float(second.bars[-1].left) + float(second.bars[-1].width) == pytest.approx(100, abs=0.5)


def test_it_counts_in_each_sum_once_however_many_calls_it_took(cast: Cast):
    counted = told(*attempts(cast)).counted
    sums = {(str(item.dimension), str(item.subject)): (item.requests, item.tokens, item.cost) for item in counted}
    assert sums["Whole tenant", ""] == (1, "1,034", "$0.0020825")
    assert sums["Model", "gpt-4o"] == (1, "0", "$0")
    assert sums["Model", "claude-sonnet-4-5"] == (1, "1,034", "$0.0020825")
    assert sums["End user", "ann"] == (
        0,
        "1,034",
        "$0.0020825",
    )  # the request is counted with its first call, which has none here
    assert sums["Tag", "beta"] == (0, "1,034", "$0.0020825")


def test_the_page_is_the_request_s_by_the_id_of_it_or_of_any_call(cast: Cast):
    first, second = attempts(cast)
    for pk in (first.pk, second.pk, first.request_id):
        content = at_work(cast.vera).get(f"{LIST}{pk}/change/").content.decode()
        for text in (
            "Call 1:", "Call 2:", "upstream_timeout", "if the one before fails", "breaker is open", "Acme&#x27;s rule",
            "at most 500 output tokens", "lowered by “Acme&#x27;s month”", "$0.0075 was reserved", "$0.0020825", "2.81 s",
        ):  # fmt: skip
            assert text in content, text


def test_a_rule_that_was_changed_since_is_told_as_it_reads_now(cast: Cast):
    _, second = attempts(cast)
    rule = told(second).rule
    assert rule is not None
    assert (rule.name, rule.has_changed) == (cast.acme.rule.name, False)
    assert "Acme" in rule.name
    assert rule.sentence.startswith("If ")
    cast.acme.rule.delete()
    gone = told(second).rule
    assert gone is not None
    assert (gone.link, gone.sentence) == ("", "")


def store(cast: Cast, row: RequestLog, *, prompt: str = "Sell me an anvil.") -> RequestContent:
    policy = content_policies.of(cast.acme.tenant)
    policy.is_on = True
    content_policies.save(policy)
    content = Content(
        f'{{"messages": [{{"role": "user", "content": "{prompt}"}}]}}',
        '{"choices": [{"message": {"role": "assistant", "content": "Gladly."}}]}',
    )
    return RequestContent.objects.create(
        id=row.request_id, tenant=cast.acme.tenant, accepted_at=row.accepted_at, end_user=row.end_user, prompt_bytes=50, answer_bytes=60,
        is_cut=False, redactions={"email": 2}, sealed=sealing.close(policy.secret, content),
    )  # fmt: skip


def page(cast: Cast, person: Any, row: RequestLog) -> str:
    content: str = at_work(person).get(f"{LIST}{row.pk}/change/").content.decode()
    return content


def test_what_was_said_is_shown_to_those_who_may_read_it_and_that_is_written_down(cast: Cast):
    row = cast.acme.request
    store(cast, row)
    assert "Sell me an anvil." not in page(cast, cast.bob, row)  # a click further
    assert "Show prompt and answer" in page(cast, cast.bob, row)
    client = at_work(cast.bob)
    shown = client.post(f"{client.home}gateway/requestlog/{row.request_id}/content/", headers={"HX-Request": "true"})
    assert shown.status_code == 200
    content = shown.content.decode()
    for text in ("Sell me an anvil.", "Gladly.", "2 e-mail addresses"):
        assert text in content
    (entry,) = LogEntry.objects.filter(object_pk=str(row.request_id))
    assert (entry.actor, entry.changes) == (cast.bob, {"read": ["", "prompt and answer"]})
    trail = at_work(cast.ada).get("/admin/auditlog/logentry/").content.decode()
    assert str(row) in trail


def test_a_viewer_an_operator_at_their_site_and_another_tenant_do_not_read_it(cast: Cast):
    row = cast.acme.request
    store(cast, row)
    assert "Prompt and answer" not in page(cast, cast.vera, row)
    assert "Prompt and answer" not in page(cast, cast.olga, row)
    address = f"gateway/requestlog/{row.request_id}/content/"
    viewer = at_work(cast.vera)
    assert viewer.post(viewer.home + address).status_code == 403
    charlie = in_console(cast.charlie, cast.globex.tenant)
    assert charlie.post(charlie.home + address).status_code == 404
    assert not LogEntry.objects.filter(object_pk=str(row.request_id)).exists()


def test_an_admin_switches_storing_on_and_a_developer_only_looks(cast: Cast):
    ada, bob = at_work(cast.ada), at_work(cast.bob)
    given = {"is_on": "on", "redacts": "on", "tasks": "task/chat, sum", "days": "14"}
    assert bob.get(f"{bob.home}content/").status_code == 200
    assert bob.post(f"{bob.home}content/", given).status_code == 403
    assert not ContentPolicy.objects.filter(tenant=cast.acme.tenant, is_on=True).exists()
    assert ada.post(f"{ada.home}content/", given).status_code == 302
    policy = ContentPolicy.objects.get(tenant=cast.acme.tenant)
    assert (policy.is_on, policy.redacts, policy.tasks, policy.days) == (True, True, ["chat", "sum"], 14)
    refused = ada.post(f"{ada.home}content/", {**given, "days": "0"})
    assert refused.status_code == 200
    assert ContentPolicy.objects.get(tenant=cast.acme.tenant).days == 14


def test_an_end_user_s_content_is_deleted_after_a_question(cast: Cast):
    row = cast.acme.request
    store(cast, row)
    ada = at_work(cast.ada)
    asked = ada.get(f"{ada.home}content/delete/", {"end_user": row.end_user})
    assert "Delete the prompt and answer of 1 request" in asked.content.decode()
    assert RequestContent.objects.filter(tenant=cast.acme.tenant).count() == 1
    assert ada.post(f"{ada.home}content/delete/", {"end_user": row.end_user}).status_code == 302
    assert not RequestContent.objects.filter(tenant=cast.acme.tenant).exists()
    assert ContentErasure.objects.get(tenant=cast.acme.tenant).end_user == row.end_user
