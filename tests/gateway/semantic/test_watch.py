"""What was measured is put in force: in the snapshot of every process, and on the row that says why."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from billing.models import Alert
from gateway import selectors
from gateway.caching.verify import verifier
from gateway.models import SemanticCheck, SemanticHit, SemanticLabel, SemanticWatch
from gateway.semantic import watch
from gateway.types import SemanticStanding
from tenants.ids import uuid7
from tenants.models import Tenant
from tests.cast import Cast, cast

__all__ = ["cast"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant(cast: Cast) -> Tenant:
    return cast.acme.tenant


def checked(tenant: Tenant, *results: str, task: str = "help", at: dt.datetime | None = None, **fields: object) -> None:
    at = at or timezone.now()
    SemanticCheck.objects.bulk_create(
        SemanticCheck(
            tenant=tenant,
            request_id=uuid7(),
            entry_id=uuid7(),
            origin=uuid7(),
            task=task,
            status=result,
            hit_at=at,
            checked_at=at,
            **{"similarity": 0.96, **fields},
        )
        for result in results
    )


def begun(tenant: Tenant, **fields: object) -> SemanticWatch:
    an_hour_ago = timezone.now() - dt.timedelta(hours=1)
    return SemanticWatch.objects.create(
        tenant=tenant, task="help", **{"since": an_hour_ago, "changed_at": an_hour_ago, **fields}
    )


def standing(tenant: Tenant) -> SemanticStanding:
    return selectors.preview(tenant).semantic["help"]


def test_before_anything_is_measured_nothing_is_decided(tenant: Tenant):
    assert watch.look(tenant.id, "help").why == ""
    assert standing(tenant) == SemanticStanding()
    assert selectors.preview(tenant).semantic.get("another") is None


def test_a_bad_cache_is_switched_off_and_says_why(tenant: Tenant):
    begun(tenant)
    version = tenant.config_version
    checked(tenant, *["wrong"] * 6, *["right"] * 24, similarity=0.99)
    assert watch.look(tenant.id, "help").is_off
    row = SemanticWatch.objects.get(tenant=tenant, task="help")
    assert row.is_off
    assert row.why.startswith("6 of 30 checked hits were wrong: at least ")
    assert standing(tenant).is_off
    tenant.refresh_from_db()
    assert tenant.config_version > version


def test_an_off_cache_stays_off_until_it_is_switched_on_and_then_begins_anew(tenant: Tenant):
    begun(tenant)
    checked(tenant, *["wrong"] * 6, *["right"] * 24, similarity=0.99)
    watch.look(tenant.id, "help")
    checked(tenant, *["right"] * 200)
    watch.look(tenant.id, "help")
    row = SemanticWatch.objects.get(tenant=tenant, task="help")
    assert row.is_off
    watch.switch_on(row)
    watch.look(tenant.id, "help")
    assert not standing(tenant).is_off
    assert watch.figures(row).checked == 0


def test_the_threshold_rises_to_where_hits_were_right(tenant: Tenant):
    begun(tenant)
    checked(tenant, *["wrong"] * 3, *["right"] * 20, similarity=0.951)
    checked(tenant, *["right"] * 60, similarity=0.97)
    watch.look(tenant.id, "help")
    assert standing(tenant) == SemanticStanding(threshold=0.97, measure="similarity")
    assert (
        SemanticWatch.objects.get(tenant=tenant, task="help").why
        == "3 of 83 checked hits were wrong, with 2.0% tolerated"
    )


def test_with_a_verifier_it_is_a_threshold_on_its_score(tenant: Tenant):
    begun(tenant, threshold=0.97, measure="similarity")
    checked(tenant, *["wrong"] * 9, similarity=0.99)
    checked(tenant, *["wrong"] * 3, *["right"] * 20, score=0.5)
    checked(tenant, *["right"] * 60, score=0.7)
    watch.look(tenant.id, "help")
    assert standing(tenant) == SemanticStanding(threshold=0.7, measure="score")


def test_unclear_ones_and_other_tasks_and_tenants_decide_nothing(cast: Cast, tenant: Tenant):
    begun(tenant)
    checked(tenant, *["unclear"] * 30, *["dropped"] * 30)
    checked(tenant, *["wrong"] * 30, task="another")
    checked(cast.globex.tenant, *["wrong"] * 30)
    checked(tenant, *["wrong"] * 30, at=timezone.now() - dt.timedelta(hours=2))
    assert watch.look(tenant.id, "help").why == ""
    assert standing(tenant) == SemanticStanding()


def test_the_figures_have_an_interval(tenant: Tenant):
    row = begun(tenant)
    checked(tenant, "wrong", *["right"] * 28, "unclear", "waiting", "dropped")
    SemanticHit.objects.create(
        request_id=uuid7(), tenant=tenant, entry_id=uuid7(), task="help", similarity=0.99, at=timezone.now()
    )
    figures = watch.figures(row)
    assert (figures.hits, figures.checked, figures.wrong, figures.unclear, figures.waiting) == (1, 29, 1, 1, 1)
    assert figures.share == pytest.approx(1 / 29)
    assert figures.interval == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_it_is_told_once_that_a_cache_is_off_and_again_after_it_was_on(tenant: Tenant):
    row = begun(tenant, is_off=True, why="bad")
    told: list[str] = []
    now = timezone.now()
    assert watch.tell(now, lambda one: told.append(one.why)) == 1
    assert watch.tell(now, lambda one: told.append(one.why)) == 0
    row.refresh_from_db()
    watch.switch_on(row)
    SemanticWatch.objects.filter(task="help").update(is_off=True, why="bad again")
    watch.tell(now, lambda one: told.append(one.why))
    assert told == ["bad", "bad again"]


def test_an_alert_begins_once_and_is_over_when_somebody_switches_the_cache_on(tenant: Tenant):
    row = begun(tenant, is_off=True, why="2 of 20 hits were wrong")
    now = timezone.now()
    watch.tell(now)
    SemanticWatch.objects.update(told_at=None)  # the process died before it was noted
    watch.tell(now)
    (alert,) = Alert.objects.filter(tenant=tenant, kind="cache")
    assert (alert.subject, alert.resolved_at) == ("help", None)
    assert "task help" in alert.name
    assert "2 of 20 hits were wrong" in alert.text
    row.refresh_from_db()
    watch.switch_on(row)
    watch.tell(now)
    alert.refresh_from_db()
    assert alert.resolved_at == now


def test_who_cannot_be_told_is_told_the_next_time(tenant: Tenant):
    begun(tenant, is_off=True, why="bad")

    def broken(_: SemanticWatch) -> None:
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011
        watch.tell(timezone.now(), broken)
    assert watch.tell(timezone.now()) == 1


def labelled(tenant: Tenant, count: int, *, wrong: int = 0) -> None:
    SemanticLabel.objects.bulk_create(
        SemanticLabel(
            tenant=tenant, task="help", request_id=uuid7(), similarity=0.97, source="check", score=0.96 + number / 100_000,
            is_right=number >= wrong,
        )
        for number in range(count)
    )  # fmt: skip


def test_hits_that_were_right_let_the_verifier_ask_for_less_and_wrong_ones_for_more(tenant: Tenant):
    shipped = verifier.default_threshold()
    assert watch.refine(tenant.id, "help") is None
    labelled(tenant, 100)
    lower = watch.refine(tenant.id, "help")
    assert lower is not None
    assert 0.9 < lower < shipped - 0.01
    assert standing(tenant).base == lower
    labelled(tenant, 100, wrong=20)
    higher = watch.refine(tenant.id, "help")
    assert higher is not None
    assert 0.96 < higher < 0.962  # above those that were wrong
    assert standing(tenant).base == higher


def test_what_was_labelled_before_it_was_switched_on_again_counts_no_more(tenant: Tenant):
    labelled(tenant, 50, wrong=25)
    watch.refine(tenant.id, "help")
    row = SemanticWatch.objects.get(tenant=tenant, task="help")
    watch.switch_on(row)
    assert watch.refine(tenant.id, "help") is None
    assert standing(tenant).base is None
