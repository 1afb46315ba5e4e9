"""What can be wrong before anything is started: a port that is taken, a server that does not fit.

Each check returns nothing and raises EmbeddedServiceError with one line that says what to do. None changes anything.
"""

from __future__ import annotations

import errno
import socket

import psycopg
import psycopg.sql
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.embedded.errors import EmbeddedServiceError
from config.redis_cluster import node_url

CONNECT_SECONDS = 5
OLDEST_POSTGRES = 140000  # what Django 5.2 supports


def port_is_free(host: str, port: int) -> None:
    """Whether `host`:`port` can be listened on now; another process can still take it afterwards."""
    try:
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except socket.gaierror as error:
        raise EmbeddedServiceError(f"{host!r} is not an address of this machine: {error.strerror}") from error
    with socket.socket(address[0], socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address[4])
            listener.listen(1)
        except OSError as error:
            raise EmbeddedServiceError(_port_advice(host, port, error)) from error


def _port_advice(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use; choose another with PORT={_another(port)} make run"
    if error.errno == errno.EACCES:
        return f"only root may listen on port {port}; choose another with PORT=8000 make run"
    return f"cannot listen on {host}:{port}: {error.strerror}"


def _another(port: int) -> int:
    return port + 1 if port < 65535 else 8000


def database_fits(url: str, *, extension: str = "vector") -> None:
    """Whether DATABASE_URL's server answers, is new enough, and has `extension` or lets us create it.

    Creating it is tried and rolled back.
    """
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS) as connection:
            version = connection.info.server_version
            try:
                connection.execute(
                    psycopg.sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(psycopg.sql.Identifier(extension))
                )
            except psycopg.errors.InsufficientPrivilege:
                raise EmbeddedServiceError(
                    f"the user of DATABASE_URL may not create the extension {extension}; "
                    f"run `CREATE EXTENSION {extension}` in that database as a superuser"
                ) from None
            except (psycopg.errors.UndefinedFile, psycopg.errors.FeatureNotSupported):
                raise EmbeddedServiceError(
                    f"the PostgreSQL of DATABASE_URL has no extension {extension}; install pgvector there "
                    f"(Debian, Ubuntu: apt install postgresql-{version // 10000}-pgvector), or unset DATABASE_URL"
                ) from None
            finally:
                connection.rollback()
    except psycopg.Error as error:
        reason = str(error).strip().replace("\n", " ")
        raise EmbeddedServiceError(f"cannot use the PostgreSQL of DATABASE_URL: {reason}") from error
    if version < OLDEST_POSTGRES:
        needed = f"Tollgate needs {OLDEST_POSTGRES // 10000} or newer"
        raise EmbeddedServiceError(f"the PostgreSQL of DATABASE_URL is version {version // 10000}; {needed}")


def redis_answers(url: str) -> None:
    """Whether REDIS_URL's server answers PING."""
    try:
        client = redis.Redis.from_url(  # of a cluster, the node that is named
            node_url(url),
            socket_timeout=CONNECT_SECONDS,
            socket_connect_timeout=CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        with client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise EmbeddedServiceError(f"cannot use the Redis of REDIS_URL: {error}") from error
