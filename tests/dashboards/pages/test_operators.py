"""The operators' dashboards: tenants beside each other, and each by itself."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import timezone

from dashboards import rolling
from gateway.models import Model
from tests.cast import Cast, in_console, logged_in
from tests.dashboards import records
from tests.dashboards.records import Record

pytestmark = pytest.mark.django_db


def test_top_spenders_are_all_tenants_with_what_they_cost(cast: Cast, history: list[Record]):
    response = logged_in(cast.olga).get("/admin/dashboards/")
    assert response.status_code == 200
    panels = {item.panel.key: item for item in response.context["panels"]}
    costs = {line.name: line.values[0] for line in panels["spenders"].panel.lines}
    acme = sum((item.cost_usd for item in history), Decimal(0))
    assert costs == {"Acme": acme, "Globex": Decimal(9)}
    failed = [item for item in history if item.attempt and item.outcome in ("upstream_error", "cut")]
    by_provider = {line.name: line.values[2] for line in panels["providers"].panel.lines}
    assert sum(by_provider.values()) == len(failed) > 0


def test_a_provider_with_an_open_circuit_is_not_well(cast: Cast, history: list[Record]):
    now = timezone.now()
    name = cast.provider.name
    records.put([records.record(cast.acme.tenant.pk, now, provider=name, model_served=cast.model.name)])
    rolling.roll_up(now)

    def note() -> str:
        panels = logged_in(cast.olga).get("/admin/dashboards/").context["panels"]
        table = next(item.panel for item in panels if item.panel.key == "providers")
        return next(line.note for line in table.lines if line.name == name)

    assert note() == "well"
    cast.model.breaker = Model.Breaker.OPEN
    cast.model.save()
    assert note() == "1 circuit open"


def test_a_tenant_opens_by_itself(cast: Cast, history: list[Record]):
    olga = logged_in(cast.olga)
    panels = olga.get("/admin/dashboards/", {"range": "7d"}).context["panels"]
    spenders = next(item for item in panels if item.panel.key == "spenders")
    response = olga.get(next(line.href for line in spenders.lines if line.name == "Acme"))
    assert response.context["chosen"] == cast.acme.tenant
    assert response.context["answers_requests"] == sum(item.is_final for item in history)
    assert "globex-model" not in response.content.decode()
    elsewhere = olga.get("/admin/dashboards/tenants/", {"tenant": str(cast.acme.tenant.pk)})
    assert elsewhere["Location"].startswith("/admin/dashboards/latency/?")


def test_every_tab_and_the_requests_are_there_across_tenants(cast: Cast, history: list[Record]):
    olga = logged_in(cast.olga)
    for page in ("latency", "cost", "errors", "cache"):
        response = olga.get(f"/admin/dashboards/{page}/")
        assert response.context["answers_requests"] == sum(item.is_final for item in history) + 1, page
    assert "Globex" in olga.get("/admin/dashboards/requests/").content.decode()
    assert olga.get("/admin/dashboards/tenants/spenders.csv").status_code == 200


def test_members_have_no_operators_pages(cast: Cast):
    for address in ("/admin/dashboards/", "/admin/dashboards/requests/", "/admin/dashboards/cost/cost.csv"):
        assert logged_in(cast.alice).get(address).status_code == 403


def test_a_console_has_no_tab_about_tenants(cast: Cast, history: list[Record]):
    alice = in_console(cast.alice, cast.acme.tenant)
    assert alice.get(f"{alice.home}dashboards/tenants/").status_code == 404
    assert alice.get(f"{alice.home}dashboards/none/").status_code == 404
    assert alice.get(f"{alice.home}dashboards/cost/none.csv").status_code == 404
