"""The ring of the last minute against a plain list of what was let in: no sixty seconds hold more than the limit, whatever comes."""

from __future__ import annotations

from itertools import accumulate
from typing import NamedTuple

import msgspec
import pytest
from django_redis import get_redis_connection
from hypothesis import given, settings
from hypothesis import strategies as st

from billing import rings
from gateway.stores.redis import Script

MINUTE_MS, LATE_MS = 60_000, 3_000
REQUESTS, TOKENS = 5, 1_000

# Each arrival is {ms since the last one, tokens that it holds, ms until it is settled, tokens that it used}; returned is for each whether
# it was let in, and if not, after how many ms it would have been. As reserve.lua and settle.lua call the ring, with a clock of our own.
_HARNESS = (
    """
local arrivals, packed, now, answers, open = cmsgpack.unpack(ARGV[1]), nil, 1800000000000, {}, {}
local function settle(upto)
  table.sort(open, function(a, b) return a[1] < b[1] end)
  while open[1] and open[1][1] <= upto do
    local due = table.remove(open, 1)
    local ring = ring_read(packed, math.floor(due[1] / 1000 / SLOT_SECONDS))
    packed = ring_add(ring, -due[3], due[2], 0, due[4] - due[3])
  end
end
for _, arrival in ipairs(arrivals) do
  now = now + arrival[1]
  settle(now)
  local slot = math.floor(now / 1000 / SLOT_SECONDS)
  local ring = ring_read(packed, slot)
  if ring.requests >= REQUESTS then
    answers[#answers + 1] = { 0, ring_wait(ring, 1, ring.requests, REQUESTS - 1, now) }
  elseif ring.tokens + arrival[2] > TOKENS then
    answers[#answers + 1] = { 0, ring_wait(ring, 2, ring.tokens, TOKENS - arrival[2], now) }
  else
    packed = ring_add(ring, arrival[2], ring.head, 1, arrival[2])
    open[#open + 1] = { now + arrival[3], ring.head, arrival[2], arrival[4] }
    answers[#answers + 1] = { 1, 0 }
  end
end
settle(now + 10000000)
local last = ring_read(packed, math.floor(now / 1000 / SLOT_SECONDS))
return { answers, last.held, packed or string.rep("\\0", BYTES) }
""".replace("REQUESTS", str(REQUESTS))
    .replace("TOKENS", str(TOKENS))
    .replace("BYTES", str(rings.BYTES))
)


class Arrival(NamedTuple):
    after_ms: int
    holds: int
    settles_after_ms: int
    used_percent: int


ARRIVALS = st.lists(
    st.builds(
        Arrival,
        # Bursts, and what follows them by about a minute, are where it could go wrong.
        after_ms=st.one_of(st.just(0), st.integers(0, 6_000), st.integers(54_000, 64_000), st.integers(0, 200_000)),
        holds=st.one_of(st.integers(1, 50), st.integers(1, 600)),
        settles_after_ms=st.integers(0, 90_000),
        used_percent=st.integers(0, 100),
    ),
    min_size=1,
    max_size=60,
)


def run(arrivals: list[Arrival]) -> tuple[list[list[int]], int]:
    told = [
        (item.after_ms, item.holds, item.settles_after_ms, item.holds * item.used_percent // 100) for item in arrivals
    ]
    answers, held, packed = get_redis_connection("default").eval(
        f"{Script('ring').text}\n{_HARNESS}", 0, msgspec.msgpack.encode(told)
    )
    state = rings.unpack(packed)
    assert rings.pack(state) == packed  # the sums that are kept beside the slots are theirs
    return answers, held


@settings(max_examples=200, deadline=None, derandomize=True)
@given(arrivals=ARRIVALS)
def test_no_sixty_seconds_hold_more_than_the_limit(arrivals):
    answers, held = run(arrivals)
    times = list(accumulate(item.after_ms for item in arrivals))
    let_in = [
        (at, item.holds * item.used_percent // 100)
        for at, item, (is_let_in, _) in zip(times, arrivals, answers, strict=True)
        if is_let_in
    ]
    for at, _ in let_in:
        window = [used for began, used in let_in if at - MINUTE_MS < began <= at]
        assert len(window) <= REQUESTS
        assert sum(window) <= TOKENS
    assert held == 0


@settings(max_examples=100, deadline=None, derandomize=True)
@given(arrivals=ARRIVALS)
def test_who_waits_as_long_as_is_said_is_let_in(arrivals):
    """If nobody else comes, and everything is settled at what it held."""
    kept = [item._replace(settles_after_ms=0, used_percent=100) for item in arrivals]
    answers, _ = run(kept)
    refused = [place for place, (is_let_in, _) in enumerate(answers) if not is_let_in]
    if not refused:
        return
    first = refused[0]
    wait = answers[first][1]
    assert 0 < wait <= MINUTE_MS + LATE_MS
    again, _ = run([*kept[: first + 1], kept[first]._replace(after_ms=wait)])
    assert again[-1][0] == 1
    sooner, _ = run([*kept[: first + 1], kept[first]._replace(after_ms=wait - 1)])
    assert sooner[-1][0] == 0


@pytest.mark.parametrize("after_ms", [0, 60_000, 62_999, 63_000])
def test_room_comes_back_three_seconds_late_at_most(after_ms):
    full = [Arrival(0, 1, 0, 100)] * REQUESTS
    answers, _ = run([*full, Arrival(after_ms, 1, 0, 100)])
    assert answers[-1][0] == int(after_ms >= MINUTE_MS + LATE_MS)
