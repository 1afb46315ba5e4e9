"""The request log: found by id, read-only, whole even where what it names is gone, and never counted."""

import datetime as dt
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gateway.admin import request_search, timeline
from gateway.admin.estimates import EstimatePaginator
from gateway.admin.request_log import usd
from gateway.models import RequestLog
from tests.cast import Cast, at_work, logged_in, request_row

pytestmark = pytest.mark.django_db

LIST = "/admin/gateway/requestlog/"


def found(cast: Cast, **query: str) -> set[str]:
    """The ends of the ids on the first page."""
    content = logged_in(cast.olga).get(LIST, query).content.decode()
    rows = RequestLog.objects.filter(tenant__in=[cast.acme.tenant, cast.globex.tenant])
    return {str(row) for row in rows if str(row) in content and f'title="{row}"' in content}


@pytest.mark.parametrize("spelling", ["req_{hex}", "{hex}", "{uuid}", " REQ_{hex} "])
def test_is_found_by_its_id_in_any_spelling(cast: Cast, spelling: str):
    row = cast.acme.request
    text = spelling.format(hex=row.request_id.hex, uuid=row.request_id)
    assert found(cast, q=text) == {str(row)}


def test_is_found_by_end_user_feature_and_error_type(cast: Cast):
    row = request_row(
        cast.acme.tenant,
        cast.acme.key.api_key,
        end_user="ann-7",
        feature="digest-7",
        status=429,
        outcome="refused",
        error_type="rate_limited_7",
        attempt=0,
    )
    for text in ("ann-7", "digest-7", "rate_limited_7"):
        assert found(cast, q=text) == {str(row)}
    assert found(cast, q="ann-8") == set()


def test_a_text_that_looks_like_no_id_is_none():
    assert request_search.parse_id("req_123") is None
    assert request_search.parse_id("customer-1") is None


def test_looking_one_up_reads_the_partition_of_its_day(cast: Cast):
    row = cast.acme.request
    with CaptureQueriesContext(connection) as captured:
        assert logged_in(cast.olga).get(f"{LIST}{row.pk}/change/").status_code == 200
    reads = [query["sql"] for query in captured if 'FROM "gateway_requestlog"' in query["sql"]]
    assert len(reads) == 1
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + reads[0])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert f"gateway_requestlog_{row.accepted_at:%Y%m%d}" in plan
    assert "gateway_requestlog_default" not in plan


def test_an_id_of_another_kind_is_not_found(cast: Cast):
    for text in ("11111111-1111-4111-8111-111111111111", str(UUID(int=2**128 - 1)), "nonsense"):
        assert logged_in(cast.olga).get(f"{LIST}{text}/change/").status_code == 404


def test_the_page_shows_parts_of_tokens_cost_and_steps(cast: Cast):
    row = cast.acme.request
    content = logged_in(cast.olga).get(f"{LIST}{row.pk}/change/").content.decode()
    for text in (str(row), "$0.000123456", "1,000", "400", "600", "Provider&#x27;s first byte", "300 ms", "812 ms"):
        assert text in content, text


def test_an_error_has_a_section_of_its_own(cast: Cast):
    row = request_row(
        cast.acme.tenant,
        cast.acme.key.api_key,
        status=502,
        outcome="upstream_error",
        error_type="upstream_unavailable",
        error_message="The provider answered <503>.",
    )
    content = logged_in(cast.olga).get(f"{LIST}{row.pk}/change/").content.decode()
    assert "upstream_unavailable" in content
    assert "The provider answered &lt;503&gt;." in content


def test_nothing_can_be_added_changed_or_deleted(cast: Cast):
    row = cast.acme.request
    client = logged_in(cast.olga)
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{row.pk}/change/", {"status": 500}).status_code == 403
    assert client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(LIST, {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"})
    assert RequestLog.objects.get(pk=row.pk).status == 200


def test_requests_of_a_deleted_tenant_and_key_stay_in_the_list(cast: Cast):
    row, key_id = cast.acme.request, cast.acme.key.api_key.pk
    cast.acme.tenant.delete()
    content = logged_in(cast.olga).get(LIST, {"q": str(row)}).content.decode()
    assert f'title="{row}"' in content
    page = logged_in(cast.olga).get(f"{LIST}{row.pk}/change/").content.decode()
    assert f"deleted ({key_id})" in page


def test_the_latest_come_first_and_filters_narrow_the_list(cast: Cast):
    old = request_row(
        cast.acme.tenant,
        cast.acme.key.api_key,
        accepted_at=timezone.now() - dt.timedelta(hours=2),
        status=404,
        outcome="refused",
        endpoint="messages",
        is_stream=False,
    )
    tenant = str(cast.acme.tenant.pk)
    new = str(cast.acme.request)
    assert found(cast, tenant=tenant) == {str(old), new}
    content = logged_in(cast.olga).get(LIST, {"tenant": tenant}).content.decode()
    assert content.index(new) < content.index(str(old))
    assert found(cast, tenant=tenant, last="1h") == {new}
    assert found(cast, tenant=tenant, status_class="4") == {str(old)}
    assert found(cast, tenant=tenant, status_class="404") == {str(old)}
    assert found(cast, tenant=tenant, endpoint="messages") == {str(old)}
    assert found(cast, tenant=tenant, outcome__exact="ok") == {new}
    assert found(cast, tenant=tenant, is_stream__exact="0") == {str(old)}


def test_the_list_counts_no_more_than_the_bound(cast: Cast):
    with CaptureQueriesContext(connection) as captured:
        logged_in(cast.olga).get(LIST)
    counts = [query["sql"] for query in captured if "COUNT(" in query["sql"] and "gateway_requestlog" in query["sql"]]
    assert counts
    assert all("LIMIT 10001" in sql for sql in counts)


def test_a_small_list_is_counted_exactly_and_an_empty_one_is_empty(cast: Cast):
    mine = RequestLog.objects.filter(tenant=cast.acme.tenant)
    assert EstimatePaginator(mine, 50).count == 1
    assert EstimatePaginator(mine.none(), 50).count == 0


def test_a_large_list_is_estimated(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(EstimatePaginator, "_estimate", lambda self: 5_000_000)
    with CaptureQueriesContext(connection) as captured:
        assert EstimatePaginator(RequestLog.objects.all(), 50).count == 5_000_000
    assert len(captured) == 0


@pytest.mark.parametrize(
    ("amount", "is_priced", "text"),
    [
        ("0.000123456", True, "$0.000123456"),
        ("0.1", True, "$0.10"),
        ("12", True, "$12.00"),
        ("1200.5", True, "$1200.50"),
        ("0", True, "$0"),
        ("0", False, "not priced"),
        ("0.000000001", True, "$0.000000001"),
        ("-0.0015", True, "−$0.0015"),
    ],
)
def test_a_cost_has_the_digits_it_needs(amount: str, is_priced: bool, text: str):
    assert usd(Decimal(amount).quantize(Decimal("0.000000001")), is_priced=is_priced) == text


def test_steps_stand_in_the_order_of_the_pipeline_and_fill_the_whole():
    bars = timeline.bars_from(
        {"stream": 500, "reserve": 100, "validate": 100, "first_byte": 200}, 0, 1000, rest_to=1000
    )
    assert [str(bar.name) for bar in bars] == ["Validate", "Reserve", "Provider's first byte", "Stream", "Elsewhere"]
    assert [(bar.left, bar.width) for bar in bars][-2:] == [("40.00", "50.00"), ("90.00", "10.00")]
    assert [bar.duration for bar in bars] == ["100 µs", "100 µs", "200 µs", "500 µs", "100 µs"]


def test_no_steps_are_no_bars():
    assert timeline.bars_from({}, 0, 400, rest_to=400) == []


@pytest.mark.parametrize(
    ("microseconds", "text"), [(85, "85 µs"), (1200, "1.2 ms"), (340_000, "340 ms"), (2_310_000, "2.31 s")]
)
def test_durations_have_a_fitting_unit(microseconds: float, text: str):
    assert timeline.duration(microseconds) == text


def test_a_request_s_page_says_what_the_provider_s_cache_saved(cast: Cast):
    key = cast.acme.key.api_key
    said = "The provider&#x27;s cache saved"
    for saved, shown in (("0.010350000", "$0.01035"), ("-0.001500000", "−$0.0015")):
        row = request_row(cast.acme.tenant, key, prefix_saved_usd=saved)
        content = at_work(cast.ada).get(f"{LIST}{row.pk}/change/").content.decode()
        assert said in content
        assert shown in content
    assert at_work(cast.charlie).get(f"{LIST}{row.pk}/change/").status_code in (302, 404)
    without = request_row(cast.acme.tenant, key, cache_read_tokens=0)
    assert said not in at_work(cast.ada).get(f"{LIST}{without.pk}/change/").content.decode()
