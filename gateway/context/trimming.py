"""The steps of context optimisation that ask nobody: blank space, the window, the token budget, repetition. Pure.

What comes back by resemblance, and a summary, are the pipeline step's to add.
"""

from __future__ import annotations

from gateway.context import boilerplate, texts
from gateway.context.measuring import Meter
from gateway.context.selection import Selection
from gateway.context.turns import Conversation
from gateway.types import ContextPolicy


def budget(policy: ContextPolicy, most_of_plan: int | None) -> int | None:
    """Tokens that a request is to fit; None: none are set, or the policy does not fit them."""
    if not policy.fits_budget:
        return None
    return min((most for most in (policy.max_input_tokens, most_of_plan) if most is not None), default=None)


def left(conversation: Conversation, policy: ContextPolicy, *, meter: Meter, budget: int | None) -> Selection:
    """What stays of the conversation."""
    given = _collapsed(conversation) if policy.collapses_whitespace else conversation
    selection = Selection(given, policy, meter=meter, budget=budget)
    selection.cut_to_budget()
    return selection


def _collapsed(given: Conversation) -> Conversation:
    """With blank space collapsed in everything but what is marked and the user's last words."""
    messages = [
        message if index < given.marked or index == given.last_words else texts.edited(message, boilerplate.collapse)
        for index, message in enumerate(given.messages)
    ]
    return given._replace(messages=messages)
