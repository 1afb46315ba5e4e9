"""The statement as CSV: every figure, no formula, and never the whole of it at once."""

import csv
import datetime as dt
import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from billing import statement_csv, statements
from billing.models import Plan
from tenants.models import ApiKey
from tests.billing.usage import FIRST, GONE, LATER, month_of_usage, used
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def made(cast: Cast) -> statements.Statement:
    return statements.statement(cast.acme.tenant, 2026, 10, now=LATER)


def raw(cast: Cast) -> bytes:
    return b"".join(statement_csv.chunks(made(cast)))


def table(cast: Cast) -> list[list[str]]:
    return list(csv.reader(io.StringIO(raw(cast).decode("utf-8-sig"), newline="")))


def test_every_row_of_a_month(cast: Cast):
    month_of_usage(cast)
    cast.acme.subscription.started_at = dt.datetime(2026, 10, 10, tzinfo=dt.UTC)
    cast.acme.subscription.save()
    Plan.objects.filter(pk=cast.plan.pk).update(name="Team", price_usd_per_month="99.90")
    assert table(cast) == [
        ["section", "name", "requests", "input_tokens", "cache_read_tokens", "output_tokens", "cost_usd"],
        ["total", "Acme, 2026-10", "10", "1300", "500", "130", "12.345678901"],
        ["plan", "Team (2026-10-10 – 2026-10-31)", "", "", "", "", "99.90"],
        ["model", "gpt-4o-mini", "6", "900", "400", "100", "10.000000001"],
        ["model", "claude-haiku", "3", "400", "100", "30", "2.345678900"],
        ["model", "(none)", "1", "0", "0", "0", "0.000000000"],
        ["task", "summarise", "4", "600", "0", "60", "6.000000000"],
        ["task", "(none)", "6", "700", "500", "70", "6.345678901"],
        ["key", str(cast.acme.key.api_key), "7", "1000", "500", "100", "11.345678901"],
        ["key", f"deleted ({GONE})", "3", "300", "0", "30", "1.000000000"],
        ["end_user", "ann", "4", "500", "0", "50", "5.000000000"],
        ["end_user", "ben", "2", "200", "0", "20", "2.500000000"],
        ["end_user", "(none)", "4", "600", "500", "60", "4.845678901"],
    ]


def test_each_section_adds_up_to_the_total(cast: Cast):
    month_of_usage(cast)
    rows = table(cast)[1:]
    (total,) = [row[2:] for row in rows if row[0] == "total"]
    for name in ("model", "task", "key", "end_user"):
        columns = zip(*[row[2:] for row in rows if row[0] == name], strict=True)
        assert [sum(Decimal(value) for value in column) for column in columns] == [Decimal(value) for value in total]


def test_excel_is_told_that_it_is_utf_8(cast: Cast):
    used(cast.acme, FIRST, "end_user", "Zoë 日本 🙂")
    content = raw(cast)
    assert content.startswith(b"\xef\xbb\xbfsection,name,")
    assert content.count(b"\xef\xbb\xbf") == 1
    assert "end_user,Zoë 日本 🙂,1,".encode() in content
    assert content.endswith(b"\r\n")


def test_an_unfinished_month_says_so(cast: Cast):
    statement = statements.statement(cast.acme.tenant, 2026, 11, now=LATER)
    assert b',"Acme, 2026-11 (so far)",0,' in b"".join(statement_csv.chunks(statement))


def test_what_does_not_add_up_is_told(cast: Cast):
    used(cast.acme, FIRST, "tenant", "")
    assert table(cast)[-1] == ["warning", "The sums by API key are not the total.", "", "", "", "", ""]


ATTACKS = [
    ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
    ("-2+3", "'-2+3"),
    ("+1", "'+1"),
    ("@SUM(1+1)*cmd|' /C calc'!A0", "'@SUM(1+1)*cmd|' /C calc'!A0"),
    ("\t=1+1", "'\t'=1+1"),
    ("\r=1+1", "'\r'=1+1"),
    ("\n=1+1", "'\n'=1+1"),
    ("＝1+1", "'＝1+1"),
    ('=HYPERLINK("http://evil.example","x")', "'=HYPERLINK(\"http://evil.example\",\"x\")"),
    ("x;=1+1", "x;'=1+1"),
    ("x\n-1", "x\n'-1"),
    ("a=b", "a=b"),
    ("1-2", "1-2"),
    ("'=1", "'=1"),
    ("user@example.com", "user@example.com"),
    ("=Ünïcödé", "'=Ünïcödé"),
    ("", ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "cell"), ATTACKS)
def test_no_name_is_a_formula(name: str, cell: str):
    assert statement_csv.safe(name) == cell


def test_names_of_every_section_are_made_safe(cast: Cast):
    evil = "=cmd|' /C calc'!A0"
    for dimension in ("model", "task", "end_user"):
        used(cast.acme, FIRST, dimension, evil)
    used(cast.acme, FIRST, "tenant", "")
    used(cast.acme, FIRST, "key", str(cast.acme.key.api_key.pk))
    ApiKey.objects.filter(pk=cast.acme.key.api_key.pk).update(name="-2+3")
    cast.acme.tenant.name = "@Acme"
    Plan.objects.filter(pk=cast.plan.pk).update(name="+plan")
    cast.acme.subscription.started_at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    cast.acme.subscription.save()
    names = [row[1] for row in table(cast)[1:]]
    assert len(names) == 6
    assert [name for name in names if not name.startswith("'")] == []


@given(name=st.text(max_size=30), separator=st.sampled_from(",;\t"))
def test_no_reader_finds_a_cell_that_begins_a_formula(name: str, separator: str):
    written = statement_csv._encode([("end_user", statement_csv.safe(name), 1)]).decode()
    for row in csv.reader(io.StringIO(written, newline=""), delimiter=separator):
        assert [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []


@given(name=st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_a_name_comes_back_but_for_the_apostrophes(name: str):
    written = statement_csv._encode([("end_user", statement_csv.safe(name), 1)]).decode()
    ((_section, cell, _requests),) = csv.reader(io.StringIO(written, newline=""))
    assert cell.replace("'", "") == name.replace("'", "")


def test_numbers_stay_numbers_also_below_zero(cast: Cast):
    used(cast.acme, FIRST, "tenant", "", requests=1, cost_usd="0.5")
    used(cast.acme, FIRST, "model", "m", requests=3, cost_usd="0.500000001")
    assert ["model", "(none)", "-2", "0", "0", "0", "-0.000000001"] in table(cast)


def test_a_cost_is_never_written_with_an_exponent(cast: Cast):
    used(cast.acme, FIRST, "tenant", "", cost_usd="0.000000001")
    used(cast.acme, FIRST, "key", str(cast.acme.key.api_key.pk), cost_usd="0.000000001")
    content = raw(cast)
    assert b",0.000000001\r\n" in content
    assert b"E-" not in content


def test_end_users_are_read_as_they_are_asked_for(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(statements, "BATCH", 2)
    used(cast.acme, FIRST, "tenant", "", requests=6, input_tokens=600, output_tokens=60, cost_usd=3)
    used(cast.acme, FIRST, "key", GONE, requests=6, input_tokens=600, output_tokens=60, cost_usd=3)
    for number in range(5):
        used(cast.acme, FIRST, "end_user", f"u-{number}")
    pieces: Iterator[bytes] = statement_csv.chunks(made(cast))
    counts: list[Any] = []
    found: list[bytes] = []
    while True:
        with CaptureQueriesContext(connection) as captured:
            piece = next(pieces, None)
        if piece is None:
            break
        counts.append(len(captured))
        found.append(piece)
    assert counts == [0, 1, 1, 1, 0]  # the head, three batches, the tail
    assert [piece.count(b"\r\n") for piece in found] == [5, 2, 2, 1, 1]
