"""The harness can fail: its comparison finds a record that is gone, one too many, a charge that differs, and a budget that was passed."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.chaos.books import Account, Call, Findings, Row, Told, Used, compare

ACME = UUID(int=1)
CALLS = [Call(f"chaos {number}", ACME, 30, 300) for number in range(3)]
TOLD = [Told(f"chaos {number}", ACME) for number in range(4)]  # the last one was refused
ROWS = [
    *(Row(f"chaos {number}", ACME, UUID(int=number), 1, True, 30, 300, "reported") for number in range(3)),
    Row("chaos 3", ACME, UUID(int=3), 0, True, 0, 0, "none"),
]
ACCOUNT = Account(ACME, Used(3, 90, 900), counted=3, metric="requests", amount=3)


def check(**changes: object) -> Findings:
    given = {"calls": CALLS, "told": TOLD, "rows": ROWS, "accounts": [ACCOUNT], **changes}
    return compare(**given)  # type: ignore[arg-type]


def test_books_that_agree_are_clean():
    assert check() == Findings()
    assert check().is_clean


def test_finds_a_record_that_is_gone():
    ledger = Account(ACME, Used(2, 60, 600))
    assert check(rows=ROWS[1:], accounts=[ledger]).lost == ["chaos 0: reached the provider, no record"]


def test_finds_the_record_of_a_refusal_gone():
    assert check(rows=ROWS[:3]).lost == ["chaos 3: was answered, no record"]


def test_finds_a_record_that_is_there_twice():
    assert check(rows=[*ROWS, ROWS[0]]).doubled[:1] == ["chaos 0: 2 records of attempt 1"]


def test_finds_a_request_that_was_recorded_under_two_ids():
    twin = ROWS[0]._replace(request_id=UUID(int=9))
    assert "chaos 0: 2 requests" in check(rows=[*ROWS, twin]).doubled


def test_an_attempt_that_failed_before_is_no_double():
    failed = ROWS[0]._replace(attempt=2, is_final=False, tokens=0, nanousd=0, source="none")
    assert check(rows=[*ROWS, failed]).is_clean


@pytest.mark.parametrize(
    ("ledger", "kind"), [(Used(2, 90, 900), "lost"), (Used(3, 89, 900), "lost"), (Used(3, 90, 901), "doubled")]
)
def test_finds_a_ledger_that_differs_from_the_log(ledger, kind):
    account = Account(ACME, ledger)
    found = check(accounts=[account])
    assert len(getattr(found, kind)) == 1
    assert not found.is_clean


def test_finds_tokens_that_the_provider_reported_and_the_log_has_not():
    calls = [CALLS[0]._replace(tokens=31), *CALLS[1:]]
    assert check(calls=calls).lost == ["chaos 0: 1 tokens that the provider reported"]


def test_an_estimate_that_is_too_low_is_told_apart():
    calls = [CALLS[0]._replace(tokens=31), *CALLS[1:]]
    rows = [ROWS[0]._replace(source="estimated"), *ROWS[1:]]
    found = check(calls=calls, rows=rows)
    assert found.is_clean
    assert found.unpaid == 1


@pytest.mark.parametrize(
    ("metric", "amount", "over"),
    [("requests", 2, Used(requests=1)), ("tokens", 89, Used(tokens=1)), ("nanousd", 880, Used(nanousd=20))],
)
def test_finds_a_budget_that_was_passed_by_the_provider_s_count(metric, amount, over):
    assert check(accounts=[Account(ACME, Used(3, 90, 900), metric=metric, amount=amount)]).overspent == over


def test_a_call_that_has_no_charge_passes_a_budget_all_the_same():
    calls = [*CALLS, Call("chaos 4", ACME, 30, 300)]
    found = check(calls=calls)
    assert found.overspent == Used(requests=1)
    assert found.lost == ["chaos 4: reached the provider, no record"]


def test_finds_counters_that_differ_and_holds_that_stay():
    account = Account(ACME, Used(3, 90, 900), counted=2, held=1, metric="requests", amount=3)
    assert len(check(accounts=[account]).drifted) == 2
    assert not check(accounts=[account]).is_clean
