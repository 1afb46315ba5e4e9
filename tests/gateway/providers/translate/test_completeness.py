"""Nothing is dropped silently: each field that the installed SDKs know is told, accepted for a reason, or refused by its name.

A new SDK with a new field fails here until somebody decides what becomes of it, in `places`.
"""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers.translate import chat_to_messages, messages_to_chat
from gateway.providers.translate.fields import Untranslatable
from tests.gateway.providers.translate.places import ACCEPTED, CHAT, MESSAGES, REFUSED, TOLD, Place

STRUCTURE = frozenset({"type", "role"})  # the kinds themselves are tried in test_kinds
PLACES = [pytest.param(place, id=f"chat {name}") for name, place in CHAT.items()] + [
    pytest.param(place, id=f"messages {name}") for name, place in MESSAGES.items()
]
OUTSIDE_THE_SDK = {"stream", "temperature", "top_p", "top_k", "mcp_servers", "context_management"}


def keys_of(kind: Any) -> set[str]:
    return set(kind.__required_keys__ | kind.__optional_keys__)


@pytest.mark.parametrize("place", PLACES)
def test_every_key_of_the_sdk_s_type_is_decided_on(place):
    outside = OUTSIDE_THE_SDK if not place.path else set()
    assert keys_of(place.kind) - STRUCTURE - outside == set(place.fields) - outside


@pytest.mark.parametrize("place", PLACES)
def test_what_becomes_of_each_field(place):
    assert {name: fate_of(place, name) for name in place.fields} == {
        name: fate for name, (_, fate) in place.fields.items()
    }


def fate_of(place: Place, name: str) -> str:
    try:
        out = place.translate({**place.base, name: place.fields[name][0]})
    except Untranslatable as error:
        named = f"{place.path}.{name}" if place.path else name
        return REFUSED if error.param.startswith(named) else f"refused as {error.param}"
    return ACCEPTED if out == place.translate(place.base) else TOLD


@pytest.mark.parametrize("place", PLACES)
def test_an_unknown_field_is_refused_by_its_name_wherever_it_stands(place):
    with pytest.raises(Untranslatable) as caught:
        place.translate({**place.base, "brand_new": 1})
    assert caught.value.param == (f"{place.path}.brand_new" if place.path else "brand_new")


def test_what_is_accepted_at_the_top_has_its_reason_written_down():
    accepted = {name for name, (_, fate) in CHAT["request"].fields.items() if fate == ACCEPTED}
    assert accepted == set(chat_to_messages.ACCEPTED) | set(chat_to_messages.ACCEPTED_OBJECTS)
    accepted = {name for name, (_, fate) in MESSAGES["request"].fields.items() if fate == ACCEPTED}
    assert accepted == set(messages_to_chat.ACCEPTED) | {"cache_control"}
