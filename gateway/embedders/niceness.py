"""Threads that work off the event loop go behind it where cores are scarce: all requests wait for the loop, only some for them."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

NICENESS = 5  # more of the thread than of the process


def step_back() -> None:
    """Of the thread that calls it."""
    if sys.platform == "linux":  # elsewhere it would be the whole process
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICENESS)
