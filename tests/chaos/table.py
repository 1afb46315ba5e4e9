"""The printed table: a line for each fault, and what is wrong below it."""

from __future__ import annotations

from collections import Counter

from tests.chaos.course import Result

SHOWN = 5  # findings of a kind
HEAD = (
    f"{'':22}{'served':>7}{'refused':>8}{'errors':>7}{'lost':>6}{'doubled':>8}{'over USD':>9}{'tokens':>7}{'calls':>6}"
    f"{'served as before':>18}{'log caught up':>15}  what clients were told"
)
LEGEND = """
served: whole answers. refused: an error instead of an answer, each with its code. errors: broken connections, and streams that ended with
an error or too early. lost: requests that reached the provider, or that a client was told something of, without a record, and charges that
the ledger lacks. doubled: records and charges too many. over: by how much the provider's own count of a tenant's USD, tokens and requests,
or the ledger's, is above its budget; each of three tenants uses one up. served as before: from when the fault was over (or, where Tollgate
itself starts what was killed, from when it began) until all requests of a tenant without a budget were answered within a second.
log caught up: until what had ended 2 s before stood in the log."""


def line(result: Result) -> str:
    found = result.findings
    over = found.overspent
    texts = [
        f"{result.count('served'):>7}",
        f"{result.count('refused'):>8}",
        f"{result.count('broken', 'torn', 'hung'):>7}",
        f"{len(found.lost):>6}",
        f"{len(found.doubled):>8}",
        f"{over.nanousd / 1e9:>9.6f}" if over.nanousd else f"{0:>9}",
        f"{over.tokens:>7}",
        f"{over.requests:>6}",
        f"{_ms(result.recovered):>18}",
        f"{_ms(result.caught_up):>15}",
    ]
    return f"{result.fault.name:22}{''.join(texts)}  {_told(result)}"


def complaints(result: Result) -> list[str]:
    """What must not be, in words."""
    found = result.findings
    said = []
    for name, items in (("lost", found.lost), ("doubled", found.doubled), ("differs", found.drifted)):
        said += [f"{name}: {item}" for item in items[:SHOWN]]
        if len(items) > SHOWN:
            said.append(f"{name}: … and {len(items) - SHOWN} more")
    said += [f"should not have been told: {what} ({count} times)" for what, count in result.unexpected.items()]
    if result.recovered is None:
        said.append("was not served as before again")
    if result.caught_up is None:
        said.append("the log did not catch up")
    if not result.has_let_go:
        said.append(
            f"{result.fault.lets_go - result.let_go} of {result.fault.lets_go} slow clients are still waited for"
        )
    if not result.are_spent:
        said.append("a budget could not be used up")
    return said


def _told(result: Result) -> str:
    told = Counter(
        f"{shot.status} {shot.code}".strip() if shot.outcome == "refused" else f"{shot.outcome} {shot.code}".strip()
        for shot in result.shots
        if shot.outcome != "served"
    )
    unpaid = f"; {result.findings.unpaid} tokens estimated too low" if result.findings.unpaid else ""
    return ", ".join(f"{what} {count}" for what, count in told.most_common()) + unpaid


def _ms(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds * 1000:.0f} ms"
