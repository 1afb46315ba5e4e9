"""How often the management API may be called: so often a minute by each key and each person, and by each address with keys that are none.

Redis counts, in one step, and so for all processes together. What was not used comes back bit by bit, so a script that stays below the
pace never waits, and one that was away may send a minute's worth at once. Without Redis calls go through uncounted: nothing that they read
or change needs it, and a secret of 256 bits is guessed at no pace.
"""

from __future__ import annotations

import logging
import math
import time

from django.conf import settings
from django.utils.translation import gettext as _
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from tenants import redis_keys
from tenants.management_api.errors import TooMany
from tenants.models import Tenant

logger = logging.getLogger(__name__)
MINUTE_US = 60_000_000
REST_SECONDS = 5.0  # Redis did not answer: so long it is not asked again, or every call would wait for it

# The moment up to which calls are paid for (the generic cell rate algorithm). One more is let in while that lies within a minute from now;
# otherwise the answer is how long to wait.
TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local paid = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + tonumber(ARGV[1])
local early = paid - now - tonumber(ARGV[2])
if early > 0 then return early end
redis.call('SET', KEYS[1], string.format('%.0f', paid), 'PX', math.ceil((paid - now) / 1000))
return 0
"""
_resting_until = 0.0


def take(tenant: Tenant, asked_by: str) -> None:
    """Count a call of somebody's who is known. Raises `TooMany`."""
    most = settings.MANAGEMENT_CALLS_PER_MINUTE
    seconds = _wait(redis_keys.management_pace(tenant.pk, asked_by), most)
    if seconds:
        text = _("At most %(most)s calls a minute, for each key and each person. Try again in %(seconds)s s.")
        raise TooMany(text % {"most": most, "seconds": seconds}, seconds)


def take_unknown(address: str) -> None:
    """Count a call with a key that is none, by where it came from. Raises `TooMany`. Good keys are let in from there all the same."""
    seconds = _wait(redis_keys.management_strangers(address), settings.MANAGEMENT_UNKNOWN_PER_MINUTE)
    if seconds:
        text = _("Too many calls without a good key came from your address. Try again in %(seconds)s s.")
        raise TooMany(text % {"seconds": seconds}, seconds)


def _wait(key: str, most: int) -> int:
    """For how many seconds, before another call is let in; 0: this one is."""
    global _resting_until
    if time.monotonic() < _resting_until:
        return 0
    try:
        early: int = get_redis_connection("default").eval(TAKE, 1, key, MINUTE_US // most, MINUTE_US)
    except RedisError as error:
        _resting_until = time.monotonic() + REST_SECONDS
        logger.warning("calls to the management API are not counted: %s", error)
        return 0
    return math.ceil(early / 1_000_000)
