from __future__ import annotations

import socket

import psycopg
import pytest

from config.embedded import checks
from config.embedded.errors import EmbeddedServiceError
from config.embedded.session import Services


def test_a_taken_port_is_named_with_another_to_try() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(EmbeddedServiceError) as caught:
            checks.port_is_free("127.0.0.1", port)
        assert str(caught.value) == f"port {port} is in use; choose another with PORT={port + 1} make run"
    checks.port_is_free("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(EmbeddedServiceError, match=r"cannot listen on 192\.0\.2\.1:8000"):
        checks.port_is_free("192.0.2.1", 8000)
    with pytest.raises(EmbeddedServiceError, match="'no such host' is not an address"):
        checks.port_is_free("no such host", 8000)


def test_a_database_with_pgvector_fits_and_is_left_as_it_was(services: Services) -> None:
    checks.database_fits(services.database_url)
    with psycopg.connect(services.database_url) as connection:
        assert connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'").fetchone() is None


def test_a_database_without_the_extension_is_told_what_to_install(services: Services) -> None:
    with pytest.raises(EmbeddedServiceError) as caught:
        checks.database_fits(services.database_url, extension="no_such_extension")
    assert str(caught.value) == (
        "the PostgreSQL of DATABASE_URL has no extension no_such_extension; install pgvector there "
        "(Debian, Ubuntu: apt install postgresql-18-pgvector), or unset DATABASE_URL"
    )


def test_a_user_who_may_not_create_the_extension_is_told_who_may(services: Services) -> None:
    with psycopg.connect(services.database_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE bob LOGIN")
    with pytest.raises(EmbeddedServiceError, match="run `CREATE EXTENSION vector` in that database as a superuser"):
        checks.database_fits(services.database_url.replace("postgres@", "bob@"))


def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(EmbeddedServiceError, match="cannot use the PostgreSQL of DATABASE_URL") as caught:
        checks.database_fits("postgresql://alice:hunter2@127.0.0.1:1/tollgate")
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_redis_that_does_not_answer_is_named_without_its_password(services: Services) -> None:
    checks.redis_answers(services.redis_url)
    for url in ("redis://:hunter2@127.0.0.1:1/0", "nonsense"):
        with pytest.raises(EmbeddedServiceError, match="cannot use the Redis of REDIS_URL") as caught:
            checks.redis_answers(url)
        assert "hunter2" not in str(caught.value)
