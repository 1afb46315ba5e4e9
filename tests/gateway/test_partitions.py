"""The request log's daily partitions."""

import datetime as dt
from uuid import uuid4

import pytest
from django.db import connection

from gateway import partitions

pytestmark = pytest.mark.django_db

DAY = dt.date(2031, 5, 10)


def test_makes_each_day_once():
    made, _ = partitions.keep(DAY, retention_days=36_500)
    assert made[0] == "gateway_requestlog_20310509"
    assert made[-1] == "gateway_requestlog_20310517"
    assert partitions.keep(DAY, retention_days=36_500) == ([], [])


def test_drops_what_is_older_than_the_retention():
    partitions.keep(DAY, retention_days=36_500)
    _, dropped = partitions.keep(DAY + dt.timedelta(days=4), retention_days=3)
    assert dropped[-2:] == ["gateway_requestlog_20310509", "gateway_requestlog_20310510"]


def test_moves_rows_that_came_before_their_day_was_made():
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO gateway_requestlog VALUES ('2031-05-10 12:00Z', %s, %s, 1, %s, %s, 'messages', '', '', '', '{}', 'm', 'm', 'p', "
            "false, 200, 'ok', '', '', 'stop', 'miss', 1, 0, 0, 0, 1, 0, 'reported', 0, true, 1, null, '{}')",
            [uuid4(), uuid4(), uuid4(), uuid4()],
        )
        partitions.keep(DAY, retention_days=36_500)
        cursor.execute(
            "SELECT tableoid::regclass::text FROM gateway_requestlog WHERE accepted_at = '2031-05-10 12:00Z'"
        )
        assert cursor.fetchall() == [("gateway_requestlog_20310510",)]
