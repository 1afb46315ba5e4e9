"""Two drains, two workers: what is noted and claimed at the same time is noted and claimed once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from billing import deliveries, episodes
from billing.alerts import note_crossings
from billing.models import Alert, AlertDelivery, Budget, Severity
from tenants.models import Tenant
from tests.billing.alert_ledger import NOW, TENANT, channel, noted, told, use

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_SECONDS = 60


@pytest.fixture
def tenant() -> Tenant:
    tenant = Tenant.objects.create(name="Acme", slug=f"acme-{uuid4().hex[:8]}", timezone="Europe/Vienna")
    Budget.objects.create(tenant=tenant, name="Support bot", amount=50)
    channel(tenant)
    return tenant


@contextmanager
def elsewhere(work: Callable[[], Any]) -> Iterator[Future[Any]]:
    """The work in a thread, that is on a connection of its own."""

    def run() -> Any:
        try:
            return work()
        finally:
            connection.close()

    threads = ThreadPoolExecutor(1)
    try:
        yield threads.submit(run)
    finally:
        threads.shutdown(wait=False)  # it may wait for a lock that the test holds


def wait_until_somebody_waits_for_a_lock() -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    with connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)
    raise AssertionError("nobody waits for a lock")


def note(tenant: Tenant) -> int:
    with transaction.atomic():
        return note_crossings(tenant.id, touched={TENANT}, at=[NOW])


@contextmanager
def unfinished() -> Iterator[None]:
    """A transaction that the test itself ends."""
    connection.set_autocommit(False)
    try:
        yield
    finally:
        connection.rollback()
        connection.set_autocommit(True)


def test_two_that_find_the_same_crossing_note_it_once(tenant: Tenant):
    use(tenant, usd="45")
    with unfinished():
        assert note_crossings(tenant.id, touched={TENANT}, at=[NOW]) == 1
        with elsewhere(lambda: note(tenant)) as other:
            wait_until_somebody_waits_for_a_lock()
            connection.commit()
            assert other.result(PATIENCE_SECONDS) == 0
    assert noted(tenant) == [("Support bot", "", 80, 50)]
    assert told(tenant) == [("Ops", 80)]


def test_the_second_notes_it_if_the_first_is_undone(tenant: Tenant):
    use(tenant, usd="60")
    with unfinished():
        assert note_crossings(tenant.id, touched={TENANT}, at=[NOW]) == 2
        with elsewhere(lambda: note(tenant)) as other:
            wait_until_somebody_waits_for_a_lock()
            connection.rollback()
            assert other.result(PATIENCE_SECONDS) == 2
    assert told(tenant) == [("Ops", 100)]


def test_many_at_once_over_many_subjects_note_each_once_and_never_block_each_other_for_good(tenant: Tenant):
    Budget.objects.create(tenant=tenant, name="Each", amount=10, scope="end_user")
    pairs = [("end_user", f"user-{number}") for number in range(40)]
    use(tenant, *pairs, usd="9")
    start = threading.Barrier(4, timeout=PATIENCE_SECONDS)

    def work(order: list[tuple[str, str]]) -> int:
        try:
            start.wait()
            with transaction.atomic():
                return note_crossings(tenant.id, touched=dict.fromkeys(order), at=[NOW])
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        counts = list(threads.map(work, [pairs, pairs[::-1], pairs[20:] + pairs[:20], pairs]))
    assert sum(counts) == 40
    assert len(noted(tenant)) == 40
    assert AlertDelivery.objects.count() == 40


def test_alerts_are_written_in_one_order_so_that_two_at_once_cannot_wait_for_each_other(tenant: Tenant):
    Budget.objects.create(tenant=tenant, name="Each", amount=10, scope="end_user")
    pairs = [("end_user", f"user-{number:02}") for number in range(40)]
    use(tenant, *pairs, usd="9")
    note_crossings(tenant.id, touched=set(pairs), at=[NOW])
    with connection.cursor() as cursor:
        cursor.execute("SELECT subject FROM billing_alert ORDER BY ctid")
        assert [subject for (subject,) in cursor.fetchall()] == [subject for _, subject in pairs]


def test_two_workers_claim_no_delivery_together(tenant: Tenant):
    use(tenant, usd="41")
    channel(tenant, "Second")
    note(tenant)
    first, second = AlertDelivery.objects.order_by("channel__name")
    with transaction.atomic():
        AlertDelivery.objects.select_for_update().get(id=first.id)
        with elsewhere(lambda: deliveries.claim(timezone.now())) as other:
            assert [claimed.id for claimed in other.result(PATIENCE_SECONDS)] == [second.id]


def test_one_run_at_a_time_is_enough(tenant: Tenant):
    use(tenant, usd="41")
    note(tenant)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [deliveries._LOCK])
    try:
        with elsewhere(deliveries.run) as other:
            assert other.result(PATIENCE_SECONDS) == deliveries.Sent()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [deliveries._LOCK])
    with elsewhere(deliveries.run) as other:
        assert other.result(PATIENCE_SECONDS) == deliveries.Sent(delivered=1)
    with elsewhere(deliveries.run) as other:
        assert other.result(PATIENCE_SECONDS) == deliveries.Sent()


def begin(tenant: Tenant) -> Alert | None:
    return episodes.begin(
        tenant.pk, kind="errors", source="tenant", severity=Severity.WARNING, name="Errors", text="Many.", at=NOW
    )


def test_an_episode_that_two_workers_begin_at_once_is_one_and_told_once(tenant: Tenant):
    with unfinished():
        assert begin(tenant) is not None
        with elsewhere(lambda: begin(tenant)) as second:
            wait_until_somebody_waits_for_a_lock()
            connection.commit()
            assert second.result(PATIENCE_SECONDS) is None
    assert (Alert.objects.count(), AlertDelivery.objects.count()) == (1, 1)
