"""Fixtures for every test."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
import zoneinfo
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest
import uvloop

from config import interactive
from config.settings import PASSWORD_HASHERS
from tests import leftovers, services
from tests.slow import LONG, SLOW

# A machine that stalls makes no example wrong, and the same examples come each time: a commit fails for what is in it.
hypothesis.settings.register_profile(
    "here", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("here")

interactive.load_pages()  # tests make lists of them as they are imported

QUICK = "django.contrib.auth.hashers.MD5PasswordHasher"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(SLOW):
            item.add_marker("slow")


@pytest.hookimpl(trylast=True, specname="pytest_collection_modifyitems")
def pytest_give_out_long_files_first(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Among processes that take whole files, in this order; within a file pytest-django's order stays."""
    if hasattr(config, "workerinput"):
        tests = Counter(item.path for item in items)
        items.sort(key=lambda item: (not item.nodeid.startswith(LONG), -tests[item.path]))


ZONES = [zoneinfo.ZoneInfo(name) for name in ("UTC", "Europe/Vienna")]  # of the tests' tenants
LONGEST_SECONDS = 60  # that a test takes


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """No test goes on over midnight, when budgets, days and months begin anew: in a day's last minute, it waits for the next one."""
    for zone in ZONES:
        now = dt.datetime.now(zone)
        left = 86_400 - (now.hour * 3600 + now.minute * 60 + now.second)
        if left <= LONGEST_SECONDS:
            time.sleep(left + 1)


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """A real hash takes half a second. Servers of their own know only the real one: tests with those ask for it (`slow_passwords`)."""
    settings.PASSWORD_HASHERS = [QUICK, *PASSWORD_HASHERS]


@pytest.fixture
def slow_passwords(_quick_passwords: None, settings: Any) -> None:
    settings.PASSWORD_HASHERS = PASSWORD_HASHERS


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_left_over(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    yield
    with django_db_blocker.unblock():
        leftovers.forget()


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    """The test database, also for tests that commit to it without the `django_db` mark (pytest-django makes it only for marked ones)."""
    from django.db import connection
    from django.test.utils import setup_databases, teardown_databases

    connection.settings_dict["TEST"]["TEMPLATE"] = services.TEMPLATE
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, aliases={"default"})
        leftovers.remember()
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """asyncio's own event loop, or those that a module names in `EVENT_LOOPS`."""
    known = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {name: known[name] for name in getattr(getattr(item, "module", None), "EVENT_LOOPS", ("asyncio",))}
