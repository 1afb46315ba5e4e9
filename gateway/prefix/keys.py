"""`prompt_cache_key`: which of a tenant's requests begin the same, said to a provider that routes by it. Tells nobody who the tenant is.

The key stands for the tenant and the head (tools and instructions) where that is long enough to be cached by itself, so that all its
requests share one cache; else for the head and the user's first message, so that each conversation stays with its own. It is the same in
every process that has the same secret, and without the secret nothing can be read from it or tried out on it.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

from gateway.prefix.memory import Tenant
from gateway.prefix.reading import Prompt, likely_tokens

MOST_REMEMBERED = 500  # of a tenant
LEAST_TOKENS = 1024  # of a head that is cached by itself


def of(prompt: Prompt, *, tenant_id: UUID, tenant: Tenant, secret: bytes) -> str:
    """35 characters; OpenAI takes 64."""
    is_shared = likely_tokens(prompt.head_size) >= LEAST_TOKENS
    name = prompt.head if is_shared else hash((prompt.head, prompt.opening))
    known = tenant.keys.get(name)
    if known is not None:
        tenant.keys.move_to_end(name)
        return known
    digest = hashlib.blake2b(tenant_id.bytes, digest_size=16, key=secret[:64])
    for part in prompt.head_parts if is_shared else (*prompt.head_parts, prompt.opening):
        digest.update(b"%d:" % len(part))
        digest.update(part)
    key = tenant.keys[name] = f"tg-{digest.hexdigest()}"
    if len(tenant.keys) > MOST_REMEMBERED:
        tenant.keys.popitem(last=False)
    return key
