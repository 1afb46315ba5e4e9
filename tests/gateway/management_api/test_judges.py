"""What judges may cost, what they said and what was measured, by the management API."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from billing import limits
from billing.models import DailyUsage
from gateway import selectors
from gateway.models import JudgeBudget, Judgement, MeasuredQuality
from gateway.quality import judge
from tenants import audit
from tests.cast import Cast
from tests.management import error_of, script
from tests.tenants.bound_rows import row_of

pytestmark = pytest.mark.django_db


def test_what_judges_may_cost_is_told_and_changed(cast: Cast):
    vera, ada = script(cast.acme.tenant, "viewer"), script(cast.acme.tenant, by=cast.ada)
    usual = {"usd_per_day": "1", "usd_per_month": "20", "used_usd_today": "0", "used_usd_this_month": "0"}
    assert vera.get("judges-budget").json() == usual
    assert not JudgeBudget.objects.filter(tenant=cast.acme.tenant).exists()
    error_of(vera.patch("judges-budget", {"usd_per_day": "5"}), 403)
    assert ada.patch("judges-budget", {"usd_per_day": "2.5"}).json() == {**usual, "usd_per_day": "2.5"}
    row = JudgeBudget.objects.get(tenant=cast.acme.tenant)
    assert (row.usd_per_day, row.usd_per_month) == (Decimal("2.5"), 20)
    assert {entry.actor for entry in audit.history_of(row)} == {cast.ada}
    assert list(error_of(ada.patch("judges-budget", {"usd_per_day": "-1"}), 400)["fields"]) == ["usd_per_day"]
    row_of(type(row), cast.globex, cast)
    assert ada.patch("judges-budget", {"usd_per_month": 30}).json()["usd_per_month"] == "30"
    assert JudgeBudget.objects.get(tenant=cast.globex.tenant).usd_per_month == 20
    assert selectors.preview(cast.globex.tenant).limits.limits is not None


def test_what_judges_have_used_is_told_with_it(cast: Cast):
    for tenant, cost in ((cast.acme.tenant, "0.25"), (cast.globex.tenant, "7")):
        DailyUsage.objects.create(
            tenant=tenant, day=timezone.localdate(timezone=ZoneInfo(tenant.timezone)), dimension=limits.TAG, subject=judge.TAG,
            requests=1, input_tokens=0, cache_read_tokens=0, output_tokens=0, cost_usd=Decimal(cost),
        )  # fmt: skip
    told = script(cast.acme.tenant).get("judges-budget").json()
    assert (told["used_usd_today"], told["used_usd_this_month"]) == ("0.25", "0.25")


def test_judgements_and_what_was_measured_are_read_by_everybody_of_the_tenant(cast: Cast):
    own, theirs = (row_of(Judgement, company, cast) for company in (cast.acme, cast.globex))
    vera = script(cast.acme.tenant, "viewer", subjects=["judgements"])
    (told,) = vera.get("judgements", request_id=f"req_{own.request_id.hex}").json()["results"]
    assert (told["id"], told["request_id"]) == (str(own.pk), f"req_{own.request_id.hex}")
    assert "sealed" not in told
    assert str(theirs.pk) not in {row["id"] for row in vera.get("judgements").json()["results"]}
    error_of(vera.get(f"judgements/{theirs.pk}"), 404)
    measured = row_of(MeasuredQuality, cast.acme, cast)
    assert vera.get(f"measured-quality/{measured.pk}").json()["quality"] == measured.quality
    error_of(vera.get("judges"), 403)
    error_of(script(cast.acme.tenant, subjects=["judges"]).get("judgements"), 403)
