"""Where a conversation is cut so that its last messages stay. Pure.

Cutting one message a turn would change the beginning of every request, and the provider's prompt cache, which holds for an unchanged
beginning, would never be read. So cutting is done in blocks, without any memory of earlier requests: nothing goes until `block`
messages are too many, then that many go at once (the high-water mark is keep + block - 1 messages, the low-water mark is keep), and the
cut stays where it is until the conversation has grown by another block.
"""

from __future__ import annotations

from gateway.context.turns import Conversation, Kind


def cut(conversation: Conversation, *, keep: int, block: int, blocks_ago: int = 0) -> int:
    """The first unit that stays; at least `keep` messages do, instructions not counted. `blocks_ago`: where it was before."""
    count = sum(unit.size for unit in conversation.units if unit.kind is not Kind.INSTRUCTION)
    target = ((count - keep) // block - blocks_ago) * block
    passed = found = 0
    for index, unit in enumerate(conversation.units):
        if unit.kind is Kind.INSTRUCTION:
            continue
        if passed + unit.size > target:
            break
        passed += unit.size
        found = index + 1
    return found
