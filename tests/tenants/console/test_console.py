"""The console's address and frame: one tenant in each, links that stay there, and what happens when a page fails."""

import logging
from typing import Any

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import get_script_prefix, reverse
from django.utils import timezone

from tenants import sites, tenancy, visits
from tenants.console import addresses
from tenants.models import EndUser, Membership
from tests.cast import Cast, company, in_console, logged_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets a test say what the console's home page does."""

    def put(view: Any) -> None:
        monkeypatch.setattr("tenants.pages.home.home", view)

    return put


def test_links_within_lead_to_the_same_tenant(cast: Cast):
    Membership.objects.create(tenant=cast.globex.tenant, user=cast.ada, role="viewer")
    client = logged_in(cast.ada)
    for tenant in (cast.acme.tenant, cast.globex.tenant, cast.acme.tenant):  # as in two tabs
        content = client.get(f"/t/{tenant.slug}/").content.decode()
        assert f'href="/t/{tenant.slug}/budgets/"' in content
        assert "/static/unfold/css/styles.css" in content
        assert f"/t/{tenant.slug}/static/" not in content
    assert get_script_prefix() == "/"
    assert reverse("admin:index") == "/admin/"


def test_addresses_lead_in_and_out_from_anywhere(cast: Cast, page: Any):
    slug = cast.acme.tenant.slug

    def told(request: HttpRequest) -> HttpResponse:
        inside = [reverse("console:index"), reverse("admin:billing_budget_changelist"), request.path, request.path_info]
        return HttpResponse(
            " ".join([*inside, addresses.outside("front"), addresses.console("other", "console:statements")])
        )

    page(told)
    content = logged_in(cast.vera).get(f"/t/{slug}/").content.decode()
    assert content.split() == [
        f"/t/{slug}/", f"/t/{slug}/budgets/", f"/t/{slug}/", "/", "/", "/t/other/statements/",
    ]  # fmt: skip
    assert addresses.console(slug, "console:billing_budget_add") == f"/t/{slug}/budgets/add/"
    assert addresses.outside("tenants") == "/t/"


def test_a_tenants_address_without_its_last_slash_leads_there(cast: Cast):
    response = logged_in(cast.vera).get(f"/t/{cast.acme.tenant.slug}")
    assert (response.status_code, response["Location"]) == (302, f"/t/{cast.acme.tenant.slug}/")


def test_a_page_knows_its_tenant_its_role_and_its_time_zone(cast: Cast, page: Any):
    def told(request: HttpRequest) -> HttpResponse:
        visit = visits.of(request)
        return HttpResponse(
            f"{visit.tenant}, {visit.role}, {visit.by_operator}, {timezone.get_current_timezone_name()}"
        )

    page(told)
    slug = cast.acme.tenant.slug
    assert logged_in(cast.bob).get(f"/t/{slug}/").content == b"Acme, developer, False, Europe/Vienna"
    assert logged_in(cast.olga).get(f"/t/{slug}/").content == b"Acme, owner, True, Europe/Vienna"
    assert timezone.get_current_timezone_name() == "UTC"


def test_an_operator_in_a_console_sees_that_one_tenant_and_is_marked(cast: Cast):
    olga = in_console(cast.olga, cast.acme.tenant)
    content = olga.get(olga.home).content.decode()
    assert "Operator in Acme" in content
    listed = olga.get(reverse("admin:gateway_requestlog_changelist")).content.decode()
    assert cast.acme.request.request_id.hex[-10:] in listed
    assert cast.globex.request.request_id.hex[-10:] not in listed
    vera = in_console(cast.vera, cast.acme.tenant)
    assert "Operator in" not in vera.get(vera.home).content.decode()


def test_a_page_outside_of_both_reads_no_tenants_rows_by_accident(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tenants.console.front.visits.memberships", lambda request: list(Membership.objects.all()))
    with pytest.raises(tenancy.NoTenancy):
        logged_in(cast.vera).get("/")


def test_a_page_that_fails_changes_nothing_and_says_so_plainly(cast: Cast, page: Any, caplog: pytest.LogCaptureFixture):
    def fails(request: HttpRequest) -> HttpResponse:
        EndUser.objects.create(tenant=visits.of(request).tenant, external_id="half-way")
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        return HttpResponse()

    page(fails)
    client = in_console(cast.ada, cast.acme.tenant)
    client.raise_request_exception = False
    with caplog.at_level(logging.CRITICAL, "django.request"):
        response = client.get(client.home)
    assert response.status_code == 500
    assert "Nothing was changed" in response.content.decode()
    assert not EndUser.objects.filter(external_id="half-way").exists()


def test_a_refusal_half_way_changes_nothing(cast: Cast, page: Any):
    from django.core.exceptions import PermissionDenied

    def refuses(request: HttpRequest) -> HttpResponse:
        EndUser.objects.create(tenant=visits.of(request).tenant, external_id="half-way")
        raise PermissionDenied

    page(refuses)
    client = in_console(cast.ada, cast.acme.tenant)
    response = client.get(client.home)
    assert response.status_code == 403
    assert "Your role does not allow this" in response.content.decode()
    assert not EndUser.objects.filter(external_id="half-way").exists()


def test_a_page_may_ask_for_a_right(cast: Cast):
    page = sites.needs("change", "budgets")(lambda request: HttpResponse("done"))
    for role, status in (("owner", 200), ("admin", 200), ("developer", 403), ("viewer", 403)):
        request = HttpRequest()
        visits.begin(request, visits.Visit(cast.acme.tenant, visits.Role(role)))
        try:
            assert page(request).status_code == status
        except sites.PermissionDenied:
            assert status == 403
    with pytest.raises(KeyError):
        sites.needs("change", "no such subject")


def test_the_first_address_leads_to_where_one_works(cast: Cast):
    acme, globex = f"/t/{cast.acme.tenant.slug}/", f"/t/{cast.globex.tenant.slug}/"
    assert Client().get("/")["Location"] == "/account/login/?next=/"
    assert logged_in(cast.olga).get("/")["Location"] == "/admin/"
    assert logged_in(cast.vera).get("/")["Location"] == acme
    Membership.objects.create(tenant=cast.globex.tenant, user=cast.vera, role="viewer")
    client = logged_in(cast.vera)
    for last in (globex, acme, globex):
        client.get(last)
        assert client.get("/")["Location"] == last
    assert logged_in(cast.vera).get("/")["Location"] == globex  # also after signing in anew


def test_who_belongs_to_no_tenant_is_told_what_to_do(cast: Cast):
    cast.vera.memberships.all().delete()
    response = logged_in(cast.vera).get("/", follow=True)
    assert response.redirect_chain == [("/t/", 302)]
    assert "You belong to no tenant yet. Ask the owner of one to invite you." in response.content.decode()


def test_the_choice_shows_ones_own_tenants_and_operators_all(cast: Cast):
    extra = company("Initech", cast.plan)
    Membership.objects.create(tenant=extra.tenant, user=cast.vera, role="owner")
    content = logged_in(cast.vera).get("/t/").content.decode()
    assert f'href="/t/{cast.acme.tenant.slug}/"' in content
    assert f'href="/t/{extra.tenant.slug}/"' in content
    assert "Globex" not in content
    everybodys = logged_in(cast.olga).get("/t/").content.decode()
    assert "Globex" in everybodys
    searched = logged_in(cast.olga).get("/t/", {"q": "init"}).content.decode()
    assert ("Initech" in searched, "Globex" in searched) == (True, False)


def test_the_search_of_the_sidebar_finds_pages_by_role(cast: Cast):
    for person, found in ((cast.ada, True), (cast.vera, False)):
        client = in_console(person, cast.acme.tenant)
        content = client.get(f"{client.home}search/", {"s": "audit"}).content.decode()
        assert ("Audit trail" in content) is found


def test_opening_a_console_costs_few_queries(cast: Cast, django_assert_max_num_queries: Any):
    ada = in_console(cast.ada, cast.acme.tenant)
    ada.get(ada.home)
    with django_assert_max_num_queries(29):  # seven are the console's, the rest its cards', however many rows there are
        ada.get(ada.home)


def test_a_form_without_its_token_is_told_to_be_out_of_date(cast: Cast):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice)
    response = client.post(f"/t/{cast.acme.tenant.slug}/team/invite/", {"email": "x@example.com", "role": "viewer"})
    assert response.status_code == 403
    assert "This form is out of date" in response.content.decode()


def test_the_consoles_address_for_signing_in_leads_to_the_one_place_for_that(cast: Cast):
    response = in_console(cast.ada, cast.acme.tenant).get(f"/t/{cast.acme.tenant.slug}/login/")
    assert (response.status_code, response["Location"].partition("?")[0]) == (302, "/account/login/")
