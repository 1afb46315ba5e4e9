"""Who gets a statement, and what its page shows."""

import csv
import datetime as dt
import html
import io
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from billing import statements
from billing.models import DailyUsage
from tenants.models import Tenant
from tests.billing.usage import FIRST, month_of_usage, used
from tests.cast import Cast, logged_in

pytestmark = [
    pytest.mark.django_db,
    # The test client is no asynchronous server, so Django gathers the stream for it.
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators"),
]


def page(cast: Cast, month: str = "2026-10") -> str:
    return f"/t/{cast.acme.tenant.slug}/statements/{month}/"


def table(cast: Cast, month: str = "2026-10") -> str:
    return f"{page(cast, month)}statement.csv"


def content_of(response: Any) -> bytes:
    return b"".join(response)


def addresses(cast: Cast) -> list[str]:
    return [page(cast), table(cast)]


@pytest.mark.parametrize("person", ["olga", "alice", "ada", "bob", "vera"])
def test_operators_and_members_in_any_role_get_it(cast: Cast, person: str):
    month_of_usage(cast)
    client = logged_in(getattr(cast, person))
    assert "$12.34<small>5678901</small>" in client.get(page(cast)).content.decode()
    assert b",12.345678901\r\n" in content_of(client.get(table(cast)))


def test_it_leads_back_to_the_console(cast: Cast):
    content = logged_in(cast.vera).get(page(cast)).content.decode()
    assert f'href="/t/{cast.acme.tenant.slug}/"' in content


def test_for_everyone_else_there_is_none(cast: Cast):
    month_of_usage(cast)
    nobody = User.objects.create(username="nobody@example.com")
    index = f"/t/{cast.acme.tenant.slug}/statements/"
    missing = "/t/no-such-tenant/statements/2026-10/"
    for person in (cast.charlie, nobody):
        client = logged_in(person)
        for address in (*addresses(cast), index, missing):
            response = client.get(address)
            assert response.status_code == 404
            assert "12.34" not in response.content.decode()
    theirs = logged_in(cast.charlie).get(f"/t/{cast.globex.tenant.slug}/statements/2026-10/")
    assert theirs.status_code == 200
    assert "Acme" not in theirs.content.decode()


def test_a_stranger_is_sent_to_the_login_page_and_back(cast: Cast):
    for address in (
        *addresses(cast),
        f"/t/{cast.acme.tenant.slug}/statements/",
        "/t/no-such-tenant/statements/2026-10/",
    ):
        response = Client().get(address)
        assert response.status_code == 302
        assert response["Location"] == f"{reverse('account_login')}?next={address}"


def test_a_person_who_was_deactivated_is_a_stranger(cast: Cast):
    client = logged_in(cast.alice)
    User.objects.filter(pk=cast.alice.pk).update(is_active=False)
    assert client.get(page(cast)).status_code == 302


@pytest.mark.parametrize("month", ["2026-13", "2026-00", "2026-1", "26-10", "0000-10", "2999-01", "2026-10-01", "now"])
def test_a_month_that_is_none_or_yet_to_come_is_not_found(cast: Cast, month: str):
    client = logged_in(cast.olga)
    assert client.get(page(cast, month)).status_code == 404
    assert client.get(table(cast, month)).status_code == 404


def test_a_statement_is_only_read(cast: Cast):
    for address in addresses(cast):
        assert logged_in(cast.olga).post(address).status_code == 405


def test_it_is_kept_in_no_cache(cast: Cast):
    for address in addresses(cast):
        assert "no-store" in logged_in(cast.olga).get(address)["Cache-Control"]


def test_the_page_shows_every_section(cast: Cast):
    month_of_usage(cast)
    content = html.unescape(logged_in(cast.vera).get(page(cast)).content.decode())
    for told in (
        "October 2026",
        "Europe/Vienna",
        "1 Oct 2026 – 31 Oct 2026",
        "gpt-4o-mini",
        "summarise",
        str(cast.acme.key.api_key),
        "deleted (01999999-0000-7000-8000-000000000001)",
        "ann",
        "attempts that no model answered",
        "requests without an end user",
        "No plan in this month.",
        "1,300",
    ):
        assert told in content, told
    assert "so far" not in content


def test_an_unfinished_month_is_marked(cast: Cast):
    month = statements.current_month(cast.acme.tenant, timezone.now())
    client = logged_in(cast.vera)
    assert "so far" in client.get(page(cast, f"{month:%Y-%m}")).content.decode()
    assert b"(so far)" in content_of(client.get(table(cast, f"{month:%Y-%m}")))


def test_the_list_has_every_month_with_its_total_from_the_tenants_first_one_on(cast: Cast):
    Tenant.objects.filter(pk=cast.acme.tenant.pk).update(created_at=dt.datetime(2026, 9, 30, 23, tzinfo=dt.UTC))
    used(cast.acme, dt.date(2026, 10, 1), "tenant", "", requests=7, cost_usd="11.345678901")
    used(cast.acme, dt.date(2026, 10, 31), "tenant", "", requests=1200, cost_usd="1")
    used(cast.acme, dt.date(2026, 10, 31), "model", "m", cost_usd="99")
    found = statements.months(
        Tenant.objects.get(pk=cast.acme.tenant.pk), dt.datetime(2026, 12, 1, 0, 30, tzinfo=dt.UTC)
    )
    assert [(item.first_day.isoformat(), item.total.requests, str(item.total.cost_usd)) for item in found] == [
        ("2026-12-01", 0, "0"),
        ("2026-11-01", 0, "0"),
        ("2026-10-01", 1207, "12.345678901"),
    ]  # it is October in Vienna already when the tenant is made
    assert [item.is_so_far for item in found] == [True, False, False]
    content = html.unescape(logged_in(cast.vera).get(f"/t/{cast.acme.tenant.slug}/statements/").content.decode())
    for told in ("October 2026", "1,207", "$12.34", 'title="$12.345678901"', page(cast), table(cast)):
        assert told in content, told
    assert "$99" not in content


def test_names_are_text_on_the_page(cast: Cast):
    evil = "<script>alert(1)</script>"
    for dimension in ("tenant", "model", "task", "end_user"):
        used(cast.acme, FIRST, dimension, evil if dimension != "tenant" else "")
    cast.acme.tenant.name = "<b>Acme</b>"
    cast.acme.tenant.save()
    content = logged_in(cast.olga).get(page(cast)).content.decode()
    assert evil not in content
    assert "<b>Acme" not in content
    assert content.count(html.escape(evil)) == 3


def test_the_page_shows_fifty_end_users_and_says_how_many_more_there_are(cast: Cast):
    DailyUsage.objects.bulk_create(
        DailyUsage(
            tenant=cast.acme.tenant, day=FIRST, dimension="end_user", subject=f"user-{number:04}", requests=1,
            input_tokens=1, cache_read_tokens=0, output_tokens=1, cost_usd=1,
        )
        for number in range(1250)
    )  # fmt: skip
    content = logged_in(cast.vera).get(page(cast)).content.decode()
    assert content.count("user-") == 50
    assert "1,200 more" in content
    written = content_of(logged_in(cast.vera).get(table(cast))).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(written, newline="")))
    assert [row[1] for row in rows if row[0] == "end_user" and row[1] != "(none)"] == [
        f"user-{number:04}" for number in range(1250)
    ]


def test_the_file_has_a_name_and_a_type(cast: Cast):
    response = logged_in(cast.vera).get(table(cast))
    assert response.streaming
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == f'attachment; filename="tollgate-{cast.acme.tenant.slug}-2026-10.csv"'


def test_the_page_asks_the_database_no_more_for_much_usage(cast: Cast):
    client = logged_in(cast.bob)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(page(cast))
        return len(captured)

    month_of_usage(cast)
    queries()  # the first one notes which console was opened last
    few = queries()
    for number in range(60):
        used(cast.acme, FIRST, "end_user", f"u-{number}")
        used(cast.acme, FIRST, "key", str(uuid4()))
    assert queries() == few
    assert few <= 12


def test_the_tenants_and_the_subscriptions_page_lead_to_it(cast: Cast):
    client = logged_in(cast.olga)
    rows: list[Any] = [cast.acme.tenant, cast.acme.subscription]
    for row in rows:
        address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
        assert f'href="/t/{cast.acme.tenant.slug}/statements/"' in client.get(address).content.decode()
