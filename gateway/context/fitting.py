"""Where a conversation is cut so that the request fits a number of input tokens. Pure.

Like the window's, the cut moves in blocks: when the budget is exceeded, the oldest units go until their tokens reach a whole multiple of a
quarter of the budget (the low-water mark is about three quarters of it), so that the beginning stays the same, and cached, until the
conversation has grown by another quarter. What goes is counted from the beginning, so no memory of earlier requests is needed.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable

from gateway.context.measuring import Meter
from gateway.context.turns import Conversation, Kind

SHARE = 4  # a block is this part of the budget


def cut(conversation: Conversation, *, budget: int, meter: Meter, blocks_ago: int = 0) -> int:
    """The first unit that stays, by blocks alone; `blocks_ago`: where it was that many blocks before."""
    units, messages = conversation.units, conversation.messages
    block = max(1, budget // SHARE)
    target = 1000 * block * (-(-(meter.tokens(messages) - budget) // block) - blocks_ago)
    gone = found = 0
    for index, unit in enumerate(units[: conversation.last_unit]):
        if gone >= target:
            break
        if unit.kind is not Kind.INSTRUCTION:
            gone += sum(map(meter.weigh, messages[unit.first : unit.end]))
            found = index + 1
    return found


def first_that_fits(conversation: Conversation, *, least: int, budget: int, size_at: Callable[[int], int]) -> int:
    """`least`, or the first cut after it with which the request fits, by `size_at`; the last that there is, if none does.

    What stays because of a round's asks, or because it is marked, may keep a cut by blocks from being enough.
    """
    cuts = range(least, conversation.last_unit + 1)
    at = bisect.bisect_left(cuts, True, key=lambda place: size_at(place) <= budget)
    return cuts[at] if at < len(cuts) else max(least, conversation.last_unit)
