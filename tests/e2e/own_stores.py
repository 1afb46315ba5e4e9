"""A Redis of a test's own, to be killed, and a way to PostgreSQL that can be cut."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import threading
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import redis

from config.embedded import process
from config.embedded.process import Child
from config.embedded.redis import _executable
from tests.gateway.live import wait_until
from tests.ports import free_port


class OwnRedis:
    """A redis-server on a port of its own, which it keeps when it is started again. What it was sent survives its being killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis(port=self.port)
        self._child: Child | None = None

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self.folder,
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
        }
        command: list[str | Path] = [_executable()]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        self._child = process.start("Redis", command, log=self.folder.with_suffix(".log"))
        wait_until(self._answers)

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError):
            return bool(self.client.ping())
        return False

    def kill(self) -> None:
        assert self._child is not None
        os.kill(self._child.pid, signal.SIGKILL)
        wait_until(self._child.has_ended)

    def forget(self) -> None:
        """Its data, while it is not running."""
        shutil.rmtree(self.folder)

    def forget_the_last(self, size: int) -> None:
        """The last bytes of its append-only file, while it is not running: what it had acknowledged, but not written yet."""
        file = self.folder / "appendonly.aof"
        assert file.stat().st_size > 2 * size
        os.truncate(file, file.stat().st_size - size)

    def stop(self) -> None:
        self.client.close()
        if self._child is not None:
            self._child.stop(seconds=5)


class Cable:
    """A TCP port that leads to the PostgreSQL of `url`, a unix socket. Cut, it breaks every connection and takes none."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        folder = query["host"][0] if "host" in query else (parts.hostname or "").replace("%2F", "/")
        number = query.get("port", [str(parts.port or 5432)])[0]
        self._target = f"{folder}/.s.PGSQL.{number}"
        self.port = free_port()
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        user = f"{parts.username or ''}{':' + parts.password if parts.password else ''}"
        self.url = f"postgresql://{user}@127.0.0.1:{self.port}"
        self.mend()

    def mend(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        assert self._listener is not None
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in list(self._open):
            self._break(end)
        self._open.clear()

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._target)
                self._open |= {near, far}
                if listener.fileno() < 0:  # it was cut since this one was accepted
                    self._break(near)
                    self._break(far)
                    return
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    @staticmethod
    def _break(end: socket.socket) -> None:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
