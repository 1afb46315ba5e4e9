"""Measures searches of the semantic cache, on an embedded PostgreSQL that is thrown away afterwards.

    make bench-semantic                                        a million rows, 100 000 of them in one scope of one tenant
    make bench-semantic ARGS="--rows 100000 --large 20000"

What is measured is what a gateway does: the question embedded by the embedded model in its thread, `SemanticStore.nearest` in the role that
row-level security binds, and the nearest verified, one after the other from an idle process. Questions are new to the process; entries are,
unless “known” is said: then the process has verified the entry before. What a guard refuses is not scored, so verifying is told for those
that were. Recall is against all vectors of the scope compared one by one. Other work on the machine shows: the load is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time
import uuid
from collections.abc import Sequence
from typing import Any

from benchmarks import throwaway
from benchmarks.semantic.asking import Measured, searched


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-semantic", description="Measure searches of the semantic cache.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--large", type=int, default=100_000, help="of them in one scope of one tenant")
    parser.add_argument("--tenants", type=int, default=200)
    parser.add_argument("--queries", type=int, default=400)
    arguments = parser.parse_args()
    room = str(2 * arguments.rows)
    with throwaway.running(
        TOLLGATE_SEMANTIC_ENTRIES=room, TOLLGATE_SEMANTIC_SCOPE_ENTRIES=room, DJANGO_SETTINGS_MODULE="config.settings"
    ):
        measure(arguments)


def measure(arguments: argparse.Namespace) -> None:
    import django

    django.setup()
    import numpy as np
    import psycopg
    from django.core.management import call_command
    from django.db import connection

    from benchmarks.semantic import questions, rows
    from gateway import runtime
    from gateway.embedders import minilm
    from gateway.semantic import tending
    from tenants.models import Tenant

    call_command("migrate", verbosity=0)
    tenants = [Tenant.objects.create(name=f"T{number}", slug=f"t{number}").id for number in range(arguments.tenants)]
    told = Teller()

    count = min(3000, arguments.large)
    texts = questions.made(count + arguments.queries, seed=1)
    base = np.array(minilm.embed(texts[:count]))
    told(f"{len(base)} questions embedded, {told.per_second(len(base))}")
    cloud = rows.Cloud(base)
    where = list(rows.places(arguments.rows, arguments.large, tenants))
    with psycopg.connect(runtime._conninfo(), autocommit=True) as copying:
        large = rows.fill(copying, cloud, where, body=os.urandom(400), questions=texts[:count])
    told(f"{len(where):,} rows written by COPY, {told.per_second(len(where))}")
    insertion = {"small": inserted(tenants[0], rows.scope_of("a new one"), cloud, 500)}
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE gateway_semanticentry")
    told("vacuumed")
    tending.INDEXING_SECONDS = 3600.0
    tending.tend(tenants, django.utils.timezone.now())
    told("indexes of large scopes made")
    insertion["large"] = inserted(tenants[0], where[0].scope, cloud, 500)

    asked = texts[count:]
    vectors = cloud.near(large[: arguments.queries])
    results = asyncio.run(searched(tenants, where, asked, vectors))
    report(results, large, np.array(minilm.embed(asked)), vectors, insertion)


class Teller:
    """Says how long each step took."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def per_second(self, count: int) -> str:
        return f"{count / (time.monotonic() - self._since):,.0f} a second"

    def __call__(self, what: str) -> None:
        now = time.monotonic()
        print(f"{now - self._since:7.1f} s  {what}", flush=True)
        self._since = now


def inserted(tenant_id: uuid.UUID, scope: bytes, cloud: Any, count: int) -> float:
    """Entries a second, as a worker writes them: from the tenant's stream, whose answers bring their vectors along."""
    import msgspec
    from django_redis import get_redis_connection

    from gateway.caching.semantic import Given
    from gateway.semantic import entries
    from gateway.stores.semantic import as_bytes
    from tenants import redis_keys
    from tenants.ids import uuid7

    redis = get_redis_connection("default")
    said = b'{"choices":[{"message":{"content":"%s"},"finish_reason":"stop"}]}' % (b"An answer. " * 60)
    for number, vector in enumerate(cloud.draw(count)[0]):
        given = Given(
            scope=scope, kin=b"", task="support", question=f"question {number}", surface="openai", is_stream=False,
            model="gpt-4o", provider="openai", body=said, at_ms=int(time.time() * 1000), request_id=uuid7().bytes,
            fresh_seconds=86_400, stale_seconds=86_400, embedder="minilm-l6-v2", vector=as_bytes(vector),
        )  # fmt: skip
        redis.xadd(redis_keys.given_answers(tenant_id), {"r": msgspec.msgpack.encode(given)})
    began = time.perf_counter()
    while entries.keep(redis, tenant_id, "minilm-l6-v2", list) is not None:
        pass
    return count / (time.perf_counter() - began)


def report(results: dict[str, Measured], large: Any, asked: Any, vectors: Any, insertion: dict[str, float]) -> None:
    from django.db import connection

    heads = ("embedding", "search", "both", "verifying", "all three")
    print(
        f"\n{'milliseconds: least / median / p95':36}" + "".join(f"{name:>26}" for name in heads) + f"{'recall@1':>10}"
    )
    for name, measured in results.items():
        columns = [
            f"{min(column):.1f} / {statistics.median(column):.1f} / {p95(column):.1f}" if column else ""
            for column in (measured.embedding, measured.search, measured.both, measured.verified, measured.all)
        ]
        wanted = {"the large scope, a new question": asked, "the large scope, in other words": vectors}.get(name)
        recall = f"{recalled(measured, wanted, large):.3f}" if wanted is not None else ""
        print(f"{name:36}" + "".join(f"{column:>26}" for column in columns) + f"{recall:>10}")
    similarities = sorted(one for one in results["the large scope, a new question"].found if one is not None)
    shares = [similarities[int(len(similarities) * share)] for share in (0.05, 0.5, 0.95)]
    print(
        f"\nnearest neighbour of a new question: similarity {shares[1]:.3f} in the middle, {shares[0]:.3f} to {shares[2]:.3f} in 90 of 100"
    )
    print(
        f"insertion: {insertion['small']:,.0f} a second into a small scope, {insertion['large']:,.0f} into the large one"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), pg_size_pretty(pg_table_size('gateway_semanticentry')) FROM gateway_semanticentry"
        )
        print("rows: {:,}, table {}".format(*cursor.fetchone()))
        cursor.execute(
            "SELECT CASE WHEN starts_with(relname, 'semantic_near_') THEN 'of large scopes' ELSE relname END, count(*), "
            "pg_size_pretty(sum(pg_relation_size(c.oid))), pg_size_pretty(max(pg_relation_size(c.oid))) FROM pg_class AS c JOIN "
            "pg_index AS i ON i.indexrelid = c.oid WHERE indrelid = 'gateway_semanticentry'::regclass GROUP BY 1 ORDER BY 1"
        )
        print(
            "indexes: "
            + "; ".join(f"{name}: {count}, {size}, the largest {most}" for name, count, size, most in cursor.fetchall())
        )
    print("load of the machine, 1 and 5 minutes: {:.1f} {:.1f}, {} cores".format(*os.getloadavg()[:2], os.cpu_count()))


def recalled(measured: Measured, wanted: Any, large: Any) -> float:
    """The share of searches that found what is nearest, or exactly as near. Both sides in half precision, as PostgreSQL has it."""
    import numpy as np

    asked = wanted.astype(np.float16).astype(np.float32)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    best = (asked @ (large / np.linalg.norm(large, axis=1, keepdims=True)).T).max(axis=1)
    hits = [found is not None and found >= near - 1e-5 for found, near in zip(measured.found, best, strict=True)]
    return sum(hits) / len(hits)


def p95(values: Sequence[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


if __name__ == "__main__":
    main()
