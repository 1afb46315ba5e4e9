"""A page that waits for a request is told of it as soon as it has ended, before the log has it, and of nobody else's."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from django.utils import timezone
from django_redis import get_redis_connection
from redis.exceptions import ConnectionError

from gateway import arrivals
from gateway.stores import usage_record
from gateway.stores.usage_record import UsageRecord
from tenants import redis_keys
from tests.cast import Cast, in_console, request_row
from tests.gateway.test_drain import make_record
from tests.pages import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def empty_streams(cast: Cast) -> Any:
    yield
    redis = get_redis_connection("default")
    for company in (cast.acme, cast.globex):
        redis.delete(redis_keys.usage_stream(company.tenant.pk))


def put(cast: Cast, **fields: Any) -> UsageRecord:
    """A record that waits to be drained: accepted now, unless it says otherwise."""
    company = fields.pop("company", cast.acme)
    accepted_ms = fields.pop("accepted_ms", int(time.time() * 1000))
    request_id = uuid4()
    record = msgspec.structs.replace(
        make_record(company.tenant.pk),
        **{
            "id": UUID(int=request_id.int & ~0xFF | 1),
            "request_id": UUID(int=request_id.int & ~0xFF),
            "accepted_ms": accepted_ms,
            "api_key_id": company.key.api_key.pk,
            "model_served": "gpt-4o-mini",
            "provider": "openai",
            "input_tokens": 1234,
            "output_tokens": 50,
            "cost_nanousd": 215_100,
            "latency_ms": 812.4,
            **fields,
        },
    )
    get_redis_connection("default").xadd(redis_keys.usage_stream(company.tenant.pk), {"r": usage_record.encode(record)})
    return record


def ask(cast: Cast, *, after: Any = None, person: str = "ada", **query: Any) -> Any:
    client = in_console(getattr(cast, person), cast.acme.tenant)
    moment = int((time.time() - 60) * 1000) if after is None else after
    return client.get(f"{client.home}arrivals/", {"after": moment, **query})


def test_nothing_yet_is_an_empty_answer(cast: Cast):
    cast.acme.request.delete()
    response = ask(cast)
    assert (response.status_code, response.content) == (204, b"")
    assert "no-cache" in response["Cache-Control"]


def test_a_request_that_has_just_ended_is_there_with_its_figures(cast: Cast):
    cast.acme.request.delete()
    put(cast)
    content = text_of(ask(cast))
    assert "data-answered" in content
    for figure in ("gpt-4o-mini · openai", "812 ms", "1,234 in, 50 out", "$0.00022"):
        assert figure in content


def test_it_is_still_there_once_it_was_drained_and_when_redis_is_away(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    cast.acme.request.delete()
    request_row(cast.acme.tenant, cast.acme.key.api_key)

    def away(*args: Any) -> Any:
        raise ConnectionError("nobody there")

    monkeypatch.setattr(arrivals, "get_redis_connection", away)
    assert "data-answered" in text_of(ask(cast))


def test_one_that_failed_says_why_and_one_that_was_answered_counts_more(cast: Cast):
    cast.acme.request.delete()
    put(
        cast,
        outcome="refused",
        status=404,
        error_message="There is no model “nope”.",
        model_served="",
        model_asked="nope",
        provider="",
    )
    failed = text_of(ask(cast))
    assert "data-answered" not in failed
    assert "404 · There is no model “nope”." in failed
    put(cast, accepted_ms=int(time.time() * 1000) - 1000)
    assert "data-answered" in text_of(ask(cast))


def test_only_what_came_after_the_page_and_with_its_key_counts(cast: Cast):
    cast.acme.request.delete()
    record = put(cast)
    assert ask(cast, after=record.accepted_ms).status_code == 204
    assert ask(cast, key=str(uuid4())).status_code == 204
    assert ask(cast, key=str(cast.acme.key.api_key.pk)).status_code == 200


@pytest.mark.parametrize("after", ["", "soon", "-1", "9" * 30, "0"])
def test_an_odd_moment_searches_no_whole_log(cast: Cast, after: str):
    cast.acme.request.delete()
    request_row(cast.acme.tenant, cast.acme.key.api_key, accepted_at=timezone.now() - dt.timedelta(days=2))
    assert ask(cast, after=after).status_code == 204


def test_another_tenants_requests_are_seen_by_nobody_here(cast: Cast):
    cast.acme.request.delete()
    put(cast, company=cast.globex)
    assert ask(cast, key=str(cast.globex.key.api_key.pk)).status_code == 204
    assert ask(cast, person="charlie").status_code == 404


def test_attempts_before_the_last_one_and_what_cannot_be_read_are_passed_over(cast: Cast):
    cast.acme.request.delete()
    put(cast, is_final=False)
    get_redis_connection("default").xadd(redis_keys.usage_stream(cast.acme.tenant.pk), {"r": b"\xc1 no record"})
    assert ask(cast).status_code == 204
