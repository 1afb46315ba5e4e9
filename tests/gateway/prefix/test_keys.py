"""`prompt_cache_key`: the same for what begins the same, and telling nobody whose it is."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from gateway.pipeline import validator
from gateway.prefix import keys, reading
from gateway.prefix.memory import Tenant
from gateway.types import Endpoint
from tests.gateway.prefix.traffic import SECRET, TENANT, words

SYSTEM = words(1500, "You are a desk.")


def key(system: str, *said: str, tenant_id: UUID = TENANT, secret: bytes = SECRET, known: Tenant | None = None) -> str:
    roles = ("user", "assistant") * 5
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}]
    messages += [{"role": role, "content": text} for role, text in zip(roles, said, strict=False)]
    content = json.dumps({"model": "m", "messages": messages}).encode()
    prompt = reading.read(validator.validate(Endpoint.CHAT, content, {}))
    return keys.of(prompt, tenant_id=tenant_id, tenant=known or Tenant(), secret=secret)


def test_what_shares_long_instructions_shares_a_key_and_other_instructions_have_another():
    assert key(SYSTEM, "one") == key(SYSTEM, "two") != key(SYSTEM + "!", "one")


def test_with_short_instructions_each_conversation_has_its_own_from_turn_to_turn():
    assert key("Be brief.", "one") == key("Be brief.", "one", "yes", "and?") != key("Be brief.", "two")


def test_tenants_and_installations_never_share_a_key():
    assert (
        len({key(SYSTEM, "one"), key(SYSTEM, "one", tenant_id=UUID(int=8)), key(SYSTEM, "one", secret=b"t" * 32)}) == 3
    )


def test_it_is_the_same_in_every_process_and_short_enough():
    assert key(SYSTEM, "one") == "tg-d7ec507154179d5c8c9d2735701f8d85"
    assert len(key(SYSTEM, "one")) == 35


def test_it_is_remembered_within_bounds(monkeypatch):
    monkeypatch.setattr(keys, "MOST_REMEMBERED", 2)
    tenant = Tenant()
    made = [key("Be brief.", text, known=tenant) for text in ("a", "b", "a", "c")]
    assert made[0] == made[2]
    assert list(tenant.keys.values()) == [made[0], made[3]]
