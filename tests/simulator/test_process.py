from __future__ import annotations

import os
import signal
import subprocess
import sys

import openai
import psutil
import pytest

from simulator.process import SimulatorFailed, SimulatorProcess
from tests.config.embedded.processes import survivors


def test_starts_on_a_free_port_and_stops():
    with SimulatorProcess("--output-tokens", "3", "--log-size", "0") as process:
        pid = process.pid
        assert pid is not None
        assert process.client.totals()["requests"] == 0
        assert process.client.requests() == []
    assert not psutil.pid_exists(pid)
    process.stop()


def test_says_why_it_could_not_start(simulator):
    port = int(simulator.base_url.rpartition(":")[2])
    with pytest.raises(SimulatorFailed, match="ended with status 2"):
        SimulatorProcess(port=port).start()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's parent-death signal is Linux's")
def test_leaves_no_orphan_when_its_parent_is_killed():
    program = "import time; from simulator.process import *; print(SimulatorProcess().start().pid, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)
    assert survivors([pid]) == []


def test_takes_defaults_and_limits_from_the_command_line():
    arguments = (
        "--output-tokens",
        "3",
        "--latency-ms",
        "1",
        "--chunk-ms",
        "1",
        "--max-body-bytes",
        "2000",
        "--log-size",
        "1",
    )
    with SimulatorProcess(*arguments) as process:
        options = {"api_key": "k", "max_retries": 0, "base_url": f"{process.base_url}/v1"}
        with openai.OpenAI(**options) as client:
            for _ in range(2):
                completion = client.chat.completions.create(
                    model="gpt-4o", messages=[{"role": "user", "content": "Hello"}]
                )
                assert completion.usage.completion_tokens == 3
            with pytest.raises(openai.APIStatusError) as caught:
                client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x" * 5000}])
        assert caught.value.status_code == 413
        assert [entry["outcome"] for entry in process.client.requests()] == ["refused"]
        assert process.client.totals()["by_outcome"] == {"completed": 2, "refused": 1}
