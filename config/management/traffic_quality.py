"""Believable votes and scores for invented traffic: of few answers, by how good each model is at each task, from the request's id alone.

What is there already stays, so it may be run again.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection

from gateway.judging import days

VOTED, JUDGED = 0.08, 0.2  # shares of answers

# `u(n)`: a number from 0 to 1 that is the request's own, another for each n.
_ANSWERS = """
WITH answers AS (
    SELECT r.*, 0.66 + 0.3 * (abs(hashtext(r.task || r.model_served)) %% 1000) / 1000.0 > {u1} AS is_good
    FROM gateway_requestlog AS r
    WHERE r.tenant_id = %(tenant)s AND r.is_final AND r.outcome = 'ok' AND r.endpoint IN ('chat.completions', 'messages')
        AND r.cache NOT IN ('hit', 'stale')
)
"""
_VOTES = """
INSERT INTO gateway_feedback (id, tenant_id, request_id, voter, end_user, source, rating, reasons, comment, created_at, changed_at,
    asked_at, matched_at, task, model, provider, cache, tags)
SELECT gen_random_uuid(), tenant_id, request_id, 'reader', end_user, 'token',
    CASE WHEN ({u2} < 0.9) = is_good THEN 'up' ELSE 'down' END, '{{}}', '', accepted_at, accepted_at, accepted_at, accepted_at,
    task, model_served, provider, cache, tags
FROM answers WHERE {u3} < %(voted)s ON CONFLICT DO NOTHING
"""
_SCORES = """
INSERT INTO gateway_judgement (id, tenant_id, request_id, task, model, provider, tags, judge, status, score, is_good, faults, is_self, why,
    answer_characters, sealed, attempts, due_at, cost_nanousd, answered_at, judged_at)
SELECT gen_random_uuid(), tenant_id, request_id, task, model_served, provider, tags, 'judge', 'scored',
    CASE WHEN said THEN 4 + ({u6} > 0.4)::int ELSE 1 + ({u6} * 3)::int %% 3 END, said, '{{}}', false, '', output_tokens * 4, '', 1,
    accepted_at, 400000, accepted_at, accepted_at
FROM (SELECT *, is_good OR {u4} < 0.35 AS said FROM answers) AS answers WHERE {u5} < %(judged)s ON CONFLICT DO NOTHING
"""


def _sql(text: str) -> str:
    draws = {
        f"u{n}": f"((hashtextextended(request_id::text, {n}) & 9223372036854775807) / 9223372036854775807.0)"
        for n in range(1, 7)
    }
    return (_ANSWERS + text).format(**draws)


def rate(tenant_id: UUID) -> tuple[int, int]:
    """Returns how many votes and scores are new."""
    parameters: dict[str, Any] = {"tenant": tenant_id, "voted": VOTED, "judged": JUDGED}
    counts = []
    with connection.cursor() as cursor:
        for text in (_VOTES, _SCORES):
            cursor.execute(_sql(text), parameters)
            counts.append(cursor.rowcount)
    while days.add_up():
        pass
    return counts[0], counts[1]
