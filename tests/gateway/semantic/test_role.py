"""The role that searches work in is made by whichever migration comes first, and a login that may not make it is told what to do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest
from django.db import ProgrammingError, connection, transaction

MIGRATION = import_module("gateway.migrations.0011_semantic_cache")


@pytest.fixture
def role(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """A name that no role has, and none has afterwards."""
    name = f"tollgate_test_{uuid4().hex[:8]}"
    with django_db_blocker.unblock():
        yield name
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
            if cursor.fetchone():
                cursor.execute(f"DROP OWNED BY {name}")
                cursor.execute(f"DROP ROLE {name}")


def make(name: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(MIGRATION.ROLE.replace("tollgate_tenant", name))


def test_migrations_of_several_databases_at_once_make_it_once(role: str):
    failed: list[Exception] = []

    def migrate() -> None:
        try:
            make(role)
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=migrate) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    make(role)
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolcanlogin, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = %s", [role])
        assert cursor.fetchall() == [(False, False, False)]


def test_a_login_that_may_not_make_it_is_told_what_to_run(role: str):
    login = f"{role}_login"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {login} NOLOGIN")
        cursor.execute(f"SET LOCAL ROLE {login}")
        with pytest.raises(ProgrammingError, match=f"The login {login} may not make the role {role}") as raised:
            cursor.execute(MIGRATION.ROLE.replace("tollgate_tenant", role))
        transaction.set_rollback(True)
    hint = raised.value.__cause__.diag.message_hint  # type: ignore[union-attr]
    assert f"CREATE ROLE {role} NOLOGIN" in hint
    assert f"GRANT {role} TO {login} WITH SET TRUE, INHERIT FALSE" in hint


def test_a_role_that_no_policy_binds_is_refused(role: str):
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {role} NOLOGIN BYPASSRLS")
    with pytest.raises(ProgrammingError, match="bypasses row-level security"):
        make(role)
