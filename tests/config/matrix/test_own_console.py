"""Another tenant's ids, asked for in one's own console."""

from __future__ import annotations

import pytest

from tests.cast import Cast, cast
from tests.config.matrix.addresses import everything, filled, model_page, of_site, prepare
from tests.config.matrix.test_matrix import client_of

__all__ = ["cast"]
pytestmark = pytest.mark.django_db
NOTHING_YET = {"playground_request": 204}  # as of any request that has not been written
NO_ROW = {"month", "setting", "slug", "key", "app_label"}  # arguments that lead to no row


def test_in_ones_own_console_there_is_nobody_elses_row(cast: Cast):
    """Charlie is an owner in his, and asks there for each row of Acme's by its id. Of operations by key, and of the pages that every
    model has (test_scoping), others say the same."""
    prepare(cast)
    client, home, before, wrong, asked = (
        client_of("charlie", cast),
        f"/t/{cast.globex.tenant.slug}/",
        everything(),
        [],
        0,
    )
    for route, item in of_site("config.console_urls", without=("(", "api/v1/")):
        if not set(item.pattern.converters) - NO_ROW or item.name is None or model_page(item.name):
            continue
        for method in ("get", "post"):
            found = getattr(client, method)(home + filled(route, item, cast)).status_code
            asked += 1
            if found not in (404, 405, NOTHING_YET.get(item.name)):
                wrong.append((method, route, found))
    assert not wrong, "\n".join(map(str, wrong))
    assert asked > 40
    assert everything() == before
