"""A listening socket that is handed over, as systemd does it."""

from __future__ import annotations

import socket
import subprocess
import sys

from config import listening
from tests.gateway.live import ROOT

ASK = "from config import listening; found = listening.passed(); print(found and found.getsockname()[1])"


def told(*before: str) -> str:
    """What a process prints whose environment was prepared by a shell that becomes it."""
    with listening.bound("127.0.0.1", 0) as listener:
        script = f"{'; '.join(before)}; exec {sys.executable} -c '{ASK}' 3<&{listener.fileno()}"
        done = subprocess.run(
            ["bash", "-c", script], cwd=ROOT, pass_fds=[listener.fileno()], capture_output=True, text=True, check=True
        )
        port = str(listener.getsockname()[1])
    return done.stdout.strip().replace(port, "the port")


def test_takes_the_socket_that_was_passed_to_this_very_process():
    assert told("export LISTEN_FDS=1 LISTEN_PID=$$") == "the port"
    assert told("export LISTEN_FDS=1 LISTEN_PID=1") == "None"
    assert told("export LISTEN_PID=$$") == "None"


def test_a_bound_socket_refuses_until_somebody_listens():
    with listening.bound("127.0.0.1", 0) as listener, socket.socket() as client:
        assert client.connect_ex(listener.getsockname()) != 0
        listener.listen()
        with socket.create_connection(listener.getsockname(), timeout=5):
            pass
