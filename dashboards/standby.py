"""Which database answers the dashboards' questions: a replica, where there is one that is not far behind, else the primary.

Only pages and API calls that read and do not mind a moment's lag say so (`preferred`). For each of them the choice is made once, so what
it shows belongs together. A replica that is gone, is none, or cancels a question because it has to catch up, is passed over: the question
goes to the primary, and for a while so do all others of this process. Whose rows may be seen is bound there as on the primary.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections, transaction

from tenants import tenancy

logger = logging.getLogger(__name__)
Found = TypeVar("Found")

REPLICA = "replica"
SHOWN = dt.timedelta(seconds=5)  # a lag that is worth telling
PASSED_OVER_SECONDS = 15.0
_avoided_until = 0.0  # on the monotonic clock


@dataclass
class Choice:
    """`as_of`: the moment up to which the replica has everything; None: the primary is asked, which has all of it."""

    alias: str = DEFAULT_DB_ALIAS
    as_of: dt.datetime | None = None
    lag: dt.timedelta = dt.timedelta()


_chosen: ContextVar[Choice | None] = ContextVar("tollgate_standby", default=None)


@contextmanager
def preferred() -> Iterator[None]:
    """What is read within may come from a replica. To be entered where the tenant has been."""
    token = _chosen.set(_choose())
    try:
        yield
    finally:
        _chosen.reset(token)


def behind() -> Choice | None:
    """What is being read from, if it is so far behind that people should know."""
    choice = _chosen.get()
    return choice if choice is not None and choice.as_of is not None and choice.lag > SHOWN else None


def read(work: Callable[[str], Found]) -> Found:
    """The result of `work`, which reads by the connection of the alias that it is given, within a transaction on it.

    It may be called twice. What it raises is raised, but for a replica's own troubles.
    """
    choice = _chosen.get()
    if choice is not None and choice.alias != DEFAULT_DB_ALIAS:
        try:
            with transaction.atomic(using=choice.alias):
                tenancy.bind_alike(choice.alias)
                return work(choice.alias)
        except (OperationalError, InterfaceError) as error:
            if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
                raise  # it took too long, as it would there
            _pass_over("failed: %s", error)
            choice.alias, choice.as_of = DEFAULT_DB_ALIAS, None
    return work(DEFAULT_DB_ALIAS)


def _choose() -> Choice:
    if REPLICA not in settings.DATABASES or time.monotonic() < _avoided_until:
        return Choice()
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_insert_lsn()::text, clock_timestamp()")
        written, now = cursor.fetchone()
    try:
        with connections[REPLICA].cursor() as cursor:
            cursor.execute(
                "SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn() >= %s::pg_lsn, pg_last_xact_replay_timestamp()",
                [written],
            )
            is_replica, is_level, replayed_to = cursor.fetchone()
    except (OperationalError, InterfaceError) as error:
        _pass_over("cannot be asked: %s", error)
        return Choice()
    if not is_replica:
        _pass_over("is no replica (any more)")
        return Choice()
    as_of = now if is_level else replayed_to
    if as_of is None or now - as_of > dt.timedelta(seconds=settings.REPLICA_LAG_SECONDS):
        _pass_over("is too far behind: it has everything up to %s", as_of)
        return Choice()
    return Choice(REPLICA, as_of, now - as_of)


def _pass_over(why: str, *details: Any) -> None:
    global _avoided_until
    _avoided_until = time.monotonic() + PASSED_OVER_SECONDS
    connections[REPLICA].close()
    logger.warning(f"the replica {why}; the primary is read from", *details)
