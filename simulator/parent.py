"""Ties the simulator's life to the process that started it, so that a killed parent leaves no orphan."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def stop_with(parent_pid: int) -> None:
    """Has the kernel send SIGTERM when the parent ends; exits at once when it already has. Does nothing outside Linux.

    The kernel watches the thread that started this process: a parent must start it from a thread that lives as long as it needs it.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent_pid:
        sys.exit(0)
