"""Feedback, labels, quality models and checks of semantic caches by the management API: a tenant's own, and whose else never."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from gateway.models import Feedback, SemanticWatch
from tests.cast import Cast, vote_on
from tests.management import error_of, script

pytestmark = pytest.mark.django_db


def ids(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()["results"]]


def test_votes_that_count_are_listed_and_narrowed_down(cast: Cast):
    vera = script(cast.acme.tenant, "viewer")
    down, later = cast.acme.feedback, timezone.now() + dt.timedelta(seconds=1)
    up = vote_on(cast.acme.request, rating=Feedback.Rating.UP, reasons=[], comment="", changed_at=later)
    vote_on(cast.acme.request, matched_at=None)
    assert ids(vera.get("feedback")) == [str(up.pk), str(down.pk)]
    assert ids(vera.get("feedback", rating="up")) == [str(up.pk)]
    assert ids(vera.get("feedback", reason="incorrect")) == [str(down.pk)]
    assert ids(vera.get("feedback", request_id=str(down))) == [str(up.pk), str(down.pk)]
    assert ids(vera.get("feedback", request_id="req_none")) == []
    told = vera.get(f"feedback/{down.pk}").json()
    assert (told["request_id"], told["comment"]) == (str(down), "Acme sells no anvils.")
    assert "voter" not in told
    error_of(vera.get(f"feedback/{cast.globex.feedback.pk}"), 404)
    error_of(vera.get("feedback", rating="sideways"), 400)


def test_labels_are_listed_and_are_nobody_elses(cast: Cast):
    vera = script(cast.acme.tenant, "viewer")
    assert ids(vera.get("labels")) == [str(cast.acme.label.pk)]
    assert ids(vera.get("labels", is_good="false")) == []
    assert vera.get(f"labels/{cast.acme.label.pk}").json()["prompt"] == "What does Acme sell?"
    error_of(vera.get(f"labels/{cast.globex.label.pk}"), 404)
    error_of(script(cast.acme.tenant, "owner").post("labels", {"prompt": "x"}), 405)


def test_versions_of_quality_models_are_told_with_their_figures_and_not_their_numbers(cast: Cast):
    told = script(cast.acme.tenant).get("quality-models").json()["results"]
    own = [row for row in told if row["is_own"]]
    assert [(row["id"], row["version"], row["metrics"]["auc"]) for row in own] == [
        (str(cast.acme.quality_model.pk), 1, 0.75)
    ]
    assert "payload" not in own[0]
    assert str(cast.globex.quality_model.pk) not in str(told)


def test_how_a_semantic_cache_is_checked_is_changed_by_those_who_may(cast: Cast):
    row = cast.acme.semantic_watch
    path, change = f"semantic-caches/{row.pk}", {"check_percent": "12.5", "judge": "gpt-4o-mini"}
    error_of(script(cast.acme.tenant, "developer").patch(path, change), 403)
    ada = script(cast.acme.tenant)
    told = ada.patch(path, change).json()
    assert (told["check_percent"], told["judge"], told["found"]["wrong"]) == ("12.5", "gpt-4o-mini", 1)
    assert list(error_of(ada.patch(path, {"check_percent": 101}), 400)["fields"]) == ["check_percent"]
    error_of(ada.patch(path, {"threshold": 0.1}), 400)
    row.refresh_from_db()
    assert (row.check_percent, row.threshold) == (Decimal("12.5"), None)


def test_a_semantic_cache_that_switched_itself_off_is_switched_on_again(cast: Cast):
    SemanticWatch.objects.filter(pk=cast.acme.semantic_watch.pk).update(is_off=True, why="Wrong too often.")
    ada = script(cast.acme.tenant)
    assert ids(ada.get("semantic-caches", is_off="true")) == [str(cast.acme.semantic_watch.pk)]
    told = ada.post(f"semantic-caches/{cast.acme.semantic_watch.pk}/switch-on").json()
    assert (told["is_off"], told["found"]["wrong"]) == (False, 0)  # what was counted before counts no more


def test_checks_of_hits_are_listed_without_the_texts(cast: Cast):
    vera = script(cast.acme.tenant, "viewer")
    assert ids(vera.get("semantic-checks", status="wrong")) == [str(cast.acme.semantic_check.pk)]
    assert ids(vera.get("semantic-checks", status="right")) == []
    assert "sealed" not in vera.get(f"semantic-checks/{cast.acme.semantic_check.pk}").json()
