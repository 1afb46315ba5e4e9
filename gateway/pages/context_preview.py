"""What a context policy would leave of a conversation that somebody has pasted: which messages stay, and how many tokens that saves.

The steps that ask nobody are done as the pipeline does them; what would come back by resemblance, and a summary, are only told of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from gateway.context import texts, trimming, turns
from gateway.context.measuring import Meter
from gateway.context.turns import Message
from gateway.errors import GatewayError
from gateway.pipeline import validator
from gateway.types import ContextPolicy, Endpoint

SHOWN = 160
_ROLE = re.compile(r"^(system|developer|user|assistant)\s*:\s*", re.IGNORECASE)


class NotAConversation(Exception):
    """With what is wrong, for people."""


@dataclass(frozen=True)
class Turn:
    """A message as it is shown: `fate` is "kept", "shorter" or "gone"."""

    role: str
    text: str
    fate: str


@dataclass(frozen=True)
class Preview:
    before: int
    after: int
    kept: int
    turns: list[Turn]
    is_too_long: bool

    @property
    def saved_percent(self) -> int:
        return round((self.before - self.after) * 100 / self.before) if self.before else 0


def preview(text: str, policy: ContextPolicy, *, kind: str, most_of_plan: int | None) -> Preview:
    """`kind`: of the provider by whose bound tokens are counted. Raises `NotAConversation`."""
    body = _body(text)
    endpoint = Endpoint.MESSAGES if "max_tokens" in body and "system" in body else Endpoint.CHAT
    try:
        request = validator.validate(endpoint, msgspec.json.encode(body), {})
        conversation = turns.read(request.raw["messages"], endpoint.surface)
    except GatewayError as error:
        raise NotAConversation(error.message) from error
    except turns.Malformed as error:
        raise NotAConversation(
            _("It would go to the model as it is: it has no message of a user, or a tool call without its result.")
        ) from error
    meter = Meter(request, conversation.messages, kind=kind)
    budget = trimming.budget(policy, most_of_plan)
    selection = trimming.left(conversation, policy, meter=meter, budget=budget)
    places = [
        index
        for number in selection.units
        for index in range(conversation.units[number].first, conversation.units[number].end)
    ]
    left = dict(zip(places, selection.messages, strict=True))
    after = meter.tokens(selection.messages)
    return Preview(
        before=meter.total,
        after=after,
        kept=len(left),
        turns=[_turn(message, left.get(index)) for index, message in enumerate(conversation.messages)],
        is_too_long=budget is not None and after > budget,
    )


def _turn(given: Message, left: Message | None) -> Turn:
    fate = "gone" if left is None else "kept" if left is given else "shorter"
    said = " ".join(texts.of(given if left is None else left).split())
    text = said if len(said) <= SHOWN else f"{said[:SHOWN].rstrip()}…"
    return Turn(str(given.data.get("role", "")), text, fate)


def _body(text: str) -> dict[str, Any]:
    """A request's body of what was pasted."""
    given = text.strip()
    if not given:
        raise NotAConversation(_("Paste a conversation first."))
    if given[0] not in "{[":
        return {"model": "task/preview", "messages": _spoken(given)}
    try:
        found = msgspec.json.decode(given)
    except msgspec.DecodeError as error:
        raise NotAConversation(_("This is no complete JSON: %(why)s.") % {"why": error}) from error
    body = found if isinstance(found, dict) else {"messages": found}
    if not isinstance(body.get("messages"), list):
        raise NotAConversation(_("There is no list of messages in it."))
    return {"model": "task/preview", **body}


def _spoken(text: str) -> list[dict[str, str]]:
    """Lines that begin with a role begin a message. Without any, the whole is one of the user's."""
    messages: list[dict[str, str]] = []
    for line in text.splitlines():
        begins = _ROLE.match(line)
        if begins:
            messages.append({"role": begins.group(1).lower(), "content": line[begins.end() :]})
        elif messages:
            messages[-1]["content"] += f"\n{line}"
        else:
            messages.append({"role": "user", "content": line})
    return [{**message, "content": message["content"].strip() or "…"} for message in messages]
