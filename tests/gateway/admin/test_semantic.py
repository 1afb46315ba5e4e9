"""A tenant's people see how often its semantic cache is wrong, and may switch it on again; nobody else may."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from gateway.models import SemanticCheck, SemanticWatch
from tenants.ids import uuid7
from tests.cast import Cast, at_work

pytestmark = pytest.mark.django_db
LIST = reverse("admin:gateway_semanticwatch_changelist")


@pytest.fixture
def off(cast: Cast) -> SemanticWatch:
    row = cast.acme.semantic_watch
    row.is_off, row.why, row.threshold, row.measure = True, "9 of 10 checked hits were wrong", 0.97, "similarity"
    row.save()
    SemanticCheck.objects.filter(tenant=row.tenant).delete()
    for number in range(29):
        SemanticCheck.objects.create(
            tenant=row.tenant,
            request_id=uuid7(),
            entry_id=uuid7(),
            origin=uuid7(),
            task=row.task,
            similarity=0.97,
            status="right" if number else "wrong",
            hit_at=timezone.now(),
            checked_at=timezone.now(),
        )
    return row


def test_the_list_and_the_page_say_how_often_it_was_wrong(cast: Cast, off: SemanticWatch):
    viewer = at_work(cast.vera)
    for url in (LIST, reverse("admin:gateway_semanticwatch_change", args=[off.pk])):
        content = viewer.get(url).content.decode()
        assert "3.4 % (0.6–17.2 %), 1 of 29 checked" in content
        assert "Switched itself off" in content
        assert "Similarity ≥ 0.970" in content


def switch_on(client, row: SemanticWatch) -> SemanticWatch:
    client.post(LIST, {"action": "switch_on", "_selected_action": [str(row.pk)]})
    row.refresh_from_db()
    return row


def test_who_may_edit_switches_it_on_again(cast: Cast, off: SemanticWatch):
    before = off.since
    assert switch_on(at_work(cast.vera), off).is_off
    assert switch_on(at_work(cast.charlie), off).is_off
    row = switch_on(at_work(cast.ada), off)
    assert not row.is_off
    assert row.since > before


def test_a_request_that_waits_to_be_checked_is_shown_to_nobody(cast: Cast):
    check = cast.acme.semantic_check
    check.sealed = "a question that is nobody's business"
    check.save()
    for person in (cast.alice, cast.olga):
        page = at_work(person).get(reverse("admin:gateway_semanticcheck_change", args=[check.pk]))
        assert page.status_code == 200
        assert b"nobody&#x27;s business" not in page.content
        assert b"business" not in page.content
