import pytest
from django.db import connection

from tests.cast import cast as cast


@pytest.fixture(autouse=True)
def _nothing_of_other_tests(request: pytest.FixtureRequest) -> None:
    """What gateways under test have committed before is away, within the test's transaction: sums are taken over all that waits."""
    if request.node.get_closest_marker("django_db") is not None:
        request.getfixturevalue("db")
        with connection.cursor() as cursor:
            for table in ("gateway_logchange", "dashboards_cell", "dashboards_series"):
                cursor.execute(f"DELETE FROM {table}")
