"""A server of one's own: the login in DATABASE_URL owns its database and is no superuser, as the operator's guide wants it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings
from django.db import connection

LOGIN = "tollgate_plain"
OF_A_SUPERUSER = (
    f"CREATE ROLE {LOGIN} LOGIN PASSWORD 'plain'",
    f"GRANT tollgate_console TO {LOGIN} WITH SET TRUE, INHERIT FALSE",
    f"CREATE DATABASE {LOGIN} OWNER {LOGIN}",
)


@pytest.fixture
def address(db: None) -> Iterator[str]:
    parameters = connection.get_connection_params()
    names = ("host", "port", "user", "password")
    superuser = {name: parameters[name] for name in names if parameters.get(name)}
    with psycopg.connect(dbname="postgres", autocommit=True, **superuser) as server:
        try:
            for statement in OF_A_SUPERUSER:
                server.execute(statement)
            with psycopg.connect(dbname=LOGIN, autocommit=True, **superuser) as database:
                database.execute("CREATE EXTENSION vector")
            host, port = quote(str(superuser["host"]), safe="/"), superuser.get("port", 5432)
            yield f"postgresql://{LOGIN}:plain@/{LOGIN}?host={host}&port={port}"
        finally:
            server.execute(f"DROP DATABASE IF EXISTS {LOGIN} WITH (FORCE)")
            server.execute(f"DROP ROLE IF EXISTS {LOGIN}")


def test_a_login_that_is_no_superuser_migrates_its_database(address: str, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": address, "TOLLGATE_VAR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    with psycopg.connect(address) as database:
        owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
        assert database.execute(owners).fetchall() == [(LOGIN,)]
