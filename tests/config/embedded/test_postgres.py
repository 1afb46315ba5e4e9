from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
from pathlib import Path

import psycopg
import pytest

from config.embedded import layout as layouts
from config.embedded import postgres, users
from config.embedded.errors import EmbeddedServiceError
from config.embedded.layout import Layout
from config.embedded.process import RunAs
from tests.config.embedded.processes import survivors

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as another user")


def test_it_brings_pgvector(layout: Layout) -> None:
    server = postgres.start(layout, durable=False)
    with psycopg.connect(layout.database_url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
        assert connection.execute("SELECT '[1,2]'::vector <-> '[4,6]'").fetchone() == (5.0,)
        assert connection.info.dbname == "tollgate"
        assert connection.info.server_version // 10000 == 18
    server.stop(seconds=10)


def test_it_listens_on_a_private_socket_only(layout: Layout) -> None:
    server = postgres.start(layout, durable=False)
    with psycopg.connect(layout.database_url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert stat.S_IMODE(layout.postgres_socket_folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(layout.postgres_data.stat().st_mode) == 0o700
    server.stop(seconds=10)


def test_data_is_kept_from_one_start_to_the_next(layout: Layout) -> None:
    server = postgres.start(layout, durable=True)
    _write(layout)
    server.stop(seconds=10)
    assert server.exit_status == 0

    server = postgres.start(layout, durable=True)
    assert _read(layout) == (1,)
    server.stop(seconds=10)


def test_data_survives_a_killed_server(layout: Layout) -> None:
    server = postgres.start(layout, durable=True)
    _write(layout)
    os.kill(server.pid, signal.SIGKILL)
    assert server.wait(30)
    assert (layout.postgres_data / "postmaster.pid").exists()

    server = postgres.start(layout, durable=True)  # at once, while processes of the first may still be ending
    assert _read(layout) == (1,)
    server.stop(seconds=10)


@pytest.mark.parametrize("content", ["{pid}\n/somewhere/else\n", "999999999\n", ""])
def test_a_pid_file_with_no_server_behind_it_does_not_keep_it_from_starting(layout: Layout, content: str) -> None:
    postgres.start(layout, durable=False).stop(seconds=10)
    (layout.postgres_data / "postmaster.pid").write_text(content.format(pid=os.getpid()))
    server = postgres.start(layout, durable=False)
    assert postgres.running_pid(layout.postgres_data) == server.pid
    server.stop(seconds=10)


def test_a_live_server_on_the_same_data_is_named(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "LEFTOVER_SECONDS", 0.2)
    server = postgres.start(layout, durable=False)
    with pytest.raises(EmbeddedServiceError, match=f"already running as pid {server.pid}"):
        postgres.start(layout, durable=False)
    assert survivors([server.pid], seconds=0.1) == [server.pid]
    server.stop(seconds=10)


def test_a_half_made_cluster_is_made_anew(layout: Layout) -> None:
    draft = layout.root / "postgres.new"
    draft.mkdir(0o700)
    (draft / "PG_VERSION").write_text("18\n")
    server = postgres.start(layout, durable=False)
    assert not draft.exists()
    server.stop(seconds=10)


def test_data_of_another_major_version_is_left_alone(layout: Layout) -> None:
    layout.postgres_data.mkdir(0o700)
    (layout.postgres_data / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedServiceError, match="was made by PostgreSQL 16, this is PostgreSQL 18") as caught:
        postgres.start(layout, durable=True)
    assert "\n" not in str(caught.value)
    assert [path.name for path in layout.postgres_data.iterdir()] == ["PG_VERSION"]


def test_a_server_that_cannot_start_shows_the_end_of_its_log(layout: Layout) -> None:
    postgres.start(layout, durable=False).stop(seconds=10)
    (layout.postgres_data / "global" / "pg_control").unlink()
    with pytest.raises(EmbeddedServiceError, match="PostgreSQL did not start") as caught:
        postgres.start(layout, durable=False)
    assert "could not find the database system" in str(caught.value)


def test_a_path_too_long_for_a_socket_gets_a_short_private_folder(folder: Path) -> None:
    layout = layouts.of(folder / ("long/" * 30))
    layout.prepare()
    assert layout.postgres_socket_folder.parent == Path("/tmp").resolve()
    server = postgres.start(layout, durable=False)
    with psycopg.connect(layout.database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert stat.S_IMODE(layout.postgres_socket_folder.stat().st_mode) == 0o700
    server.stop(seconds=10)
    shutil.rmtree(layout.postgres_socket_folder)


def test_two_folders_have_two_short_folders(folder: Path) -> None:
    first, second = layouts.of(folder / ("a/" * 60)), layouts.of(folder / ("b/" * 60))
    assert first.postgres_socket_folder != second.postgres_socket_folder
    assert first.postgres_socket_folder != first.redis_socket_folder


def test_a_path_with_a_space_works(folder: Path) -> None:
    layout = layouts.of(folder / 'a "b" c')
    layout.prepare()
    server = postgres.start(layout, durable=False)
    with psycopg.connect(layout.database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    server.stop(seconds=10)


@needs_root
def test_a_socket_folder_that_belongs_to_somebody_else_is_refused(folder: Path) -> None:
    theirs = folder / "theirs"
    theirs.mkdir()
    os.chown(theirs, 54321, 54321)
    with pytest.raises(EmbeddedServiceError, match="belongs to user 54321"):
        users.make_private_folder(theirs, None)


def test_a_link_in_place_of_a_socket_folder_is_refused(folder: Path) -> None:
    (folder / "target").mkdir()
    (folder / "link").symlink_to(folder / "target")
    with pytest.raises(EmbeddedServiceError, match="remove it and start again"):
        users.make_private_folder(folder / "link", None)


@needs_root
def test_root_opens_no_more_than_the_way_to_the_data(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder.chmod(0o700)
    layout = layouts.of(folder / "var")
    layout.prepare()
    postgres.start(layout, durable=False).stop(seconds=10)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o701
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"{folder} (o+x)" in said

    postgres.start(layout, durable=False).stop(seconds=10)
    assert capsys.readouterr().err == ""


@needs_root
def test_files_of_the_server_that_others_cannot_read_are_opened(folder: Path) -> None:
    install = folder / "install"
    install.mkdir(0o700)
    program, text = install / "program", install / "text"
    program.touch(0o700)
    text.touch(0o600)
    users.grant_access(RunAs(uid=54321, gid=54321, name="somebody"), traverse=[], read=[install])
    assert [stat.S_IMODE(path.stat().st_mode) for path in (install, program, text)] == [0o705, 0o705, 0o604]


@needs_root
def test_data_of_an_ordinary_user_stays_that_users_when_root_starts_it(layout: Layout) -> None:
    nobody = pwd.getpwnam("nobody")
    layout.postgres_data.mkdir(0o700)
    os.chown(layout.postgres_data, nobody.pw_uid, nobody.pw_gid)
    assert users.not_root(layout.postgres_data) == RunAs(uid=nobody.pw_uid, gid=nobody.pw_gid, name="nobody")
    layout.postgres_data.rmdir()
    run_as = users.not_root(layout.postgres_data)
    assert run_as is not None
    assert run_as.name == users.SYSTEM_USER


def _write(layout: Layout) -> None:
    with psycopg.connect(layout.database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS number")


def _read(layout: Layout) -> tuple[int] | None:
    with psycopg.connect(layout.database_url) as connection:
        return connection.execute("SELECT number FROM kept").fetchone()
