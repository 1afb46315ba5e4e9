"""CPU time as the measurements read it."""

from __future__ import annotations

import threading
import time

import psutil

from benchmarks.trees import cpu_seconds


def test_counts_what_threads_took_that_have_ended() -> None:
    took: list[float] = []

    def work() -> None:
        while time.thread_time() < 0.05:
            sum(range(1000))
        took.append(time.thread_time())

    before = cpu_seconds(psutil.Process())
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert cpu_seconds(psutil.Process()) - before >= took[0]
