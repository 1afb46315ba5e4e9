"""Short texts that Tollgate gives away and later takes back as its own: signed, not secret.

A sealed text is its content and a MAC over it, in characters that a URL and a header take. Whoever holds one can read the content, so
nothing stands there that its holder may not know; nobody can make or change one. What a text is for is in the key, so that one made for
one purpose is not taken for another.

The keys are derived from SECRET_KEY; texts under SECRET_KEY_FALLBACKS are still taken. Pure computation, a few microseconds.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from functools import cached_property

from django.conf import settings

MAC_BYTES = 16  # 128 bits, of HMAC-SHA256


class Seal:
    """Closes and opens the texts of one purpose. `secrets`: newest first; by default those of the settings, read at first use."""

    def __init__(self, purpose: str, secrets: Sequence[str] | None = None) -> None:
        self._purpose = purpose.encode()
        self._secrets = secrets

    @cached_property
    def _keys(self) -> list[bytes]:
        secrets = self._secrets or [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
        return [hmac.digest(secret.encode(), b"tollgate sealed " + self._purpose, "sha256") for secret in secrets]

    def close(self, content: bytes) -> str:
        """The text that `open` gives the content back for."""
        mac = hmac.digest(self._keys[0], content, "sha256")[:MAC_BYTES]
        return _in_characters(content + mac)

    def open(self, text: str) -> bytes | None:
        """The content; None if the text is not ours, not for this purpose, or was changed."""
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            return None
        if _in_characters(data) != text:  # the last character has bits that mean nothing: one content has one text
            return None
        content, given = data[:-MAC_BYTES], data[-MAC_BYTES:]
        for key in self._keys:
            if hmac.compare_digest(hmac.digest(key, content, "sha256")[:MAC_BYTES], given):
                return content
        return None


def _in_characters(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
