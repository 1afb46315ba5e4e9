"""Background work of the dashboards. Every task is safe to run twice."""

from __future__ import annotations

import time

from celery import shared_task
from django.utils import timezone

from dashboards import forgetting, packing, rebuilding, rolling
from dashboards.alarms import watching

ROLL_SECONDS = 30


@shared_task
def roll_up() -> int:
    """Add what changed in the request log to the rollups; returns how many changes. Stops after 30 s, the next run goes on."""
    end = time.monotonic() + ROLL_SECONDS
    added = 0
    while time.monotonic() < end:
        taken = rolling.roll_up(timezone.now())
        added += taken or 0
        if (taken or 0) < rolling.BATCH:  # nothing is left, or another worker is at it
            break
    return added


@shared_task
def forget_rollups() -> int:
    """Delete rollups that are older than they are kept; returns how many rows."""
    return forgetting.forget(timezone.now())


@shared_task
def pack_end_users() -> int:
    """Pack the end users of days that are over; returns how many days. Stops after 30 s, the next run goes on."""
    return packing.pack(timezone.now(), seconds=ROLL_SECONDS)


@shared_task
def follow_time_zones() -> int:
    """Make the days of tenants anew whose time zone was changed; returns how many there were."""
    return rebuilding.follow_time_zones(timezone.now())


@shared_task
def watch() -> int:
    """Look whether anything is the matter with tenants' traffic, and alert them; returns at how many was looked."""
    return watching.run()
