"""Starts PostgreSQL and Redis for the run before Django reads its settings, so that every test talks to the real ones.

Loaded with `-p tests.services` (see pyproject.toml), which is earlier than any conftest. `DATABASE_URL` and `REDIS_URL`, when both are
set, are used instead; pytest-django makes its own database beside the named one. Each worker of pytest-xdist has services of its own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from config.embedded import layout, session
from tests import migrated

EMBEDDED = "TOLLGATE_TEST_EMBEDDED"  # set: the addresses that a worker inherits are its parent's own
FOLDER = Path(tempfile.mkdtemp(prefix="tollgate-test-"))
FOLDER.chmod(0o711)  # as root, PostgreSQL runs as another user, who must get through
os.environ["TOLLGATE_VAR"] = str(FOLDER)
os.environ.setdefault("TOLLGATE_ALLOWED_HOSTS", "testserver,localhost,127.0.0.1")
os.environ.setdefault("TOLLGATE_REDIS_TIMEOUT", "20")  # seconds: on a busy machine, one that is well may take some
_services: session.Services | None = None
TEMPLATE: str | None = None  # the database that the test database is a copy of, which has all migrations
if EMBEDDED in os.environ or not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
    os.environ[EMBEDDED] = "1"
    with migrated.cluster() as begin_with:
        _services = session.start(FOLDER / "services", durable=False, begin_with=begin_with)
    TEMPLATE = layout.DATABASE_NAME
    os.environ["DATABASE_URL"] = _services.database_url
    os.environ["REDIS_URL"] = _services.redis_url


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    if _services is not None:
        _services.stop()
    shutil.rmtree(FOLDER, ignore_errors=True)
