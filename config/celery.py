"""The Celery application: background work of every app, found in their `tasks` modules."""

import os
import sys
from typing import Any

from celery import Celery
from celery.signals import worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("tollgate")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
def _say_ready(**_: Any) -> None:
    """For whoever has started this worker and waits to stop another one."""
    sys.stderr.write(f"tollgate: working as pid {os.getpid()}\n")
