"""Content at rest: compressed, and encrypted under a secret of the tenant's (Fernet: AES-128-CBC with HMAC-SHA256)."""

from __future__ import annotations

import zlib
from functools import lru_cache

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from tenants.encryption import UndecryptableError

LEVEL = 6  # a worker has the time


class Content(msgspec.Struct, array_like=True, frozen=True):
    """JSON documents, or the texts that stood in their place; `answer` empty: there was none."""

    prompt: str
    answer: str


_decoder = msgspec.msgpack.Decoder(Content)


@lru_cache(maxsize=256)
def _box(secret: str) -> Fernet:
    return Fernet(secret)


def close(secret: str, content: Content) -> bytes:
    return _box(secret).encrypt(zlib.compress(msgspec.msgpack.encode(content), LEVEL))


def open(secret: str, sealed: bytes) -> Content:
    """Raises `UndecryptableError` if it was sealed with another secret."""
    try:
        return _decoder.decode(zlib.decompress(_box(secret).decrypt(sealed)))
    except InvalidToken as error:
        raise UndecryptableError("Stored content does not open with its tenant's secret.") from error
