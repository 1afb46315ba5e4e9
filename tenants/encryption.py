"""Secrets at rest: a text column that holds ciphertext (Fernet, AES-128-CBC with HMAC-SHA256).

`settings.ENCRYPTION_KEYS` lists the keys, newest first: the first one encrypts, all of them decrypt, so a key is rotated
by putting a new one in front, running `manage.py rotate_encryption`, and dropping the old one. A value that no key
opens raises `UndecryptableError`: it is never handed out as if it were the secret.
"""

import functools
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


class UndecryptableError(Exception):
    """A stored secret opens with none of the configured keys."""


@functools.lru_cache(maxsize=4)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(plain: str) -> str:
    """`plain` as a Fernet token under the newest key."""
    return _box(tuple(settings.ENCRYPTION_KEYS)).encrypt(plain.encode()).decode("ascii")


def decrypt(token: str) -> str:
    """The text within `token`; raises `UndecryptableError` where no configured key opens it."""
    try:
        return _box(tuple(settings.ENCRYPTION_KEYS)).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise UndecryptableError(
            "A stored secret opens with none of TOLLGATE_ENCRYPTION_KEYS. Add the key it was written with."
        ) from error


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Text that is plain in Python and ciphertext in the database. The empty string stays empty."""

    description = "Encrypted text"

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return decrypt(value) if value else value

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return encrypt(value) if value else value
