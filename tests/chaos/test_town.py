"""The fault suite can start what it breaks: its town is built of the same parts as `make run`."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from tests.chaos.town import GATEWAYS, Town


def test_a_town_is_built_as_make_run_builds_it(tmp_path: Path):
    town = Town(tmp_path)
    try:
        assert (town.house.workers, town.gateway_pids()) == (GATEWAYS, [])
        with socket.socket(fileno=os.dup(town.house.listener)) as listener:
            assert listener.getsockname() == (town.house.host, town.house.port)
    finally:
        town.stop()
