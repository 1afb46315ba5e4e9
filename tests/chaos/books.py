"""Compares what the simulator was asked, what clients were told, the request log, the ledger and the counters. Pure.

The simulator's count is the truth about what was used. Lost: what it served, or what a client was told, without a record; a ledger that has
less than the records. Doubled: a record, or a charge in the ledger, too many. Overspent: by how much the simulator's count, or the
ledger's, is over a budget's amount.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

REPORTED, HELD = "reported", "held"


class Used(NamedTuple):
    requests: int = 0
    tokens: int = 0
    nanousd: int = 0


class Call(NamedTuple):
    """A call that reached the simulator, and what it used there."""

    id: str
    tenant_id: UUID
    tokens: int
    nanousd: int


class Told(NamedTuple):
    """What a client was told of a request: by Tollgate, so that there must be a record of it."""

    id: str
    tenant_id: UUID


class Row(NamedTuple):
    """A row of the request log."""

    id: str
    tenant_id: UUID
    request_id: UUID
    attempt: int
    is_final: bool
    tokens: int
    nanousd: int
    source: str


@dataclass(frozen=True)
class Account:
    """A tenant's: what the ledger has, what Redis counts (None: it would read it from the ledger) and holds, and its budget, if any."""

    tenant_id: UUID
    ledger: Used
    counted: int | None = None
    held: int = 0
    metric: str = ""
    amount: int = 0  # in the metric's integer unit


@dataclass
class Findings:
    """What is wrong, each with what it is about. `unpaid`: tokens that the simulator counted and the log has not, of calls whose usage it
    did not report; no fault, but worth seeing."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    drifted: list[str] = field(default_factory=list)
    overspent: Used = field(default_factory=Used)
    unpaid: int = 0

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.drifted or any(self.overspent))


def compare(calls: Sequence[Call], told: Sequence[Told], rows: Sequence[Row], accounts: Sequence[Account]) -> Findings:
    findings = Findings()
    by_id: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_id[row.id].append(row)
    _find_lost(findings, calls, told, by_id)
    _find_doubled(findings, by_id)
    for account in accounts:
        _compare_account(
            findings,
            account,
            [row for row in rows if row.tenant_id == account.tenant_id and row.attempt],
            [call for call in calls if call.tenant_id == account.tenant_id],
        )
    return findings


def _find_lost(findings: Findings, calls: Sequence[Call], told: Sequence[Told], by_id: dict[str, list[Row]]) -> None:
    used: Counter[str] = Counter()
    for call in calls:
        used[call.id] += call.tokens
    for identity in dict.fromkeys([*used, *(item.id for item in told)]):
        own = by_id.get(identity, [])
        if not own:
            findings.lost.append(
                f"{identity}: {'reached the provider' if identity in used else 'was answered'}, no record"
            )
            continue
        missing = used[identity] - sum(row.tokens for row in own)
        if missing > 0 and all(row.source == REPORTED for row in own if row.attempt):
            findings.lost.append(f"{identity}: {missing} tokens that the provider reported")
        findings.unpaid += max(0, missing)


def _find_doubled(findings: Findings, by_id: dict[str, list[Row]]) -> None:
    for identity, own in by_id.items():
        for (_, attempt), count in Counter((row.request_id, row.attempt) for row in own).items():
            if count > 1:
                findings.doubled.append(f"{identity}: {count} records of attempt {attempt}")
        if len({row.request_id for row in own}) > 1:
            findings.doubled.append(f"{identity}: {len({row.request_id for row in own})} requests")
        elif (finals := len({row.attempt for row in own if row.is_final})) > 1:
            findings.doubled.append(f"{identity}: {finals} final records")


def _compare_account(findings: Findings, account: Account, rows: Sequence[Row], calls: Sequence[Call]) -> None:
    recorded = Used(
        len({row.request_id for row in rows}), sum(row.tokens for row in rows), sum(row.nanousd for row in rows)
    )
    for name, log, ledger in zip(Used._fields, recorded, account.ledger, strict=True):
        if ledger < log:
            findings.lost.append(f"the ledger of {account.tenant_id} has {ledger} {name}, the log {log}")
        elif ledger > log:
            findings.doubled.append(f"the ledger of {account.tenant_id} has {ledger} {name}, the log {log}")
    if not account.metric:
        return
    upstream = Used(
        len({call.id for call in calls}), sum(call.tokens for call in calls), sum(call.nanousd for call in calls)
    )
    in_ledger: int = getattr(account.ledger, account.metric)
    if account.held:
        findings.drifted.append(f"{account.held} {account.metric} of {account.tenant_id} are still held")
    if account.counted not in (None, in_ledger):
        findings.drifted.append(
            f"Redis counts {account.counted} {account.metric} of {account.tenant_id}, the ledger {in_ledger}"
        )
    over = max(0, getattr(upstream, account.metric) - account.amount, in_ledger - account.amount)
    findings.overspent = findings.overspent._replace(
        **{account.metric: getattr(findings.overspent, account.metric) + over}
    )
